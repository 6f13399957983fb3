/**
 * libnss_overlay.so.2: the names of peers for every program that looks names up by the C library
 * (nsswitch.conf(5): `hosts: files overlay dns`).
 *
 * The functions are what the C library calls, as for its own modules (the GNU C Library manual,
 * "Extending NSS"). A name that is not ours is UNAVAIL, one of ours that does not exist NOTFOUND:
 * so `overlay [NOTFOUND=return]` keeps our names from being asked of anybody else. ERANGE: the
 * buffer is too small, a larger one is tried.
 */
#pragma once

#include <netdb.h>
#include <nss.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/socket.h>

#define NSS_EXPORT __attribute__((visibility("default")))

NSS_EXPORT enum nss_status _nss_overlay_gethostbyname4_r(const char *name,
                                                         struct gaih_addrtuple **out, char *buffer,
                                                         size_t len, int *err, int *h_err,
                                                         int32_t *ttl);
NSS_EXPORT enum nss_status _nss_overlay_gethostbyname3_r(const char *name, int family,
                                                         struct hostent *out, char *buffer,
                                                         size_t len, int *err, int *h_err,
                                                         int32_t *ttl, char **canonical);
NSS_EXPORT enum nss_status _nss_overlay_gethostbyname2_r(const char *name, int family,
                                                         struct hostent *out, char *buffer,
                                                         size_t len, int *err, int *h_err);
NSS_EXPORT enum nss_status _nss_overlay_gethostbyname_r(const char *name, struct hostent *out,
                                                        char *buffer, size_t len, int *err,
                                                        int *h_err);
NSS_EXPORT enum nss_status _nss_overlay_gethostbyaddr2_r(const void *address, socklen_t address_len,
                                                         int family, struct hostent *out,
                                                         char *buffer, size_t len, int *err,
                                                         int *h_err, int32_t *ttl);
NSS_EXPORT enum nss_status _nss_overlay_gethostbyaddr_r(const void *address, socklen_t address_len,
                                                        int family, struct hostent *out,
                                                        char *buffer, size_t len, int *err,
                                                        int *h_err);
