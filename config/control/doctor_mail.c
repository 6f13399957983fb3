/* What doctor says of the mail by which contacts find one another. */
#include <string.h>

#include "config/control/doctor.h"
#include "config/control/fields.h"

void doctor_mail(json_t *list, const json_t *status)
{
    const json_t *mail = json_object_get(status, "mail");
    const char *state = field_text(mail, "state");

    if (!doctor_knows(mail, "state") || strcmp(state, "off") == 0)
        return;
    if (strcmp(state, "on") == 0) {
        doctor_add(list, "ok", "mail", "contacts are met by mail: %.0f sent, %.0f received",
                   field_number(mail, "sent"), field_number(mail, "received"));
        return;
    }
    doctor_add(list, "note", "mail", "contacts cannot be met by mail");
    doctor_why(list, "%s", state);
    doctor_advise(list, "see [mail] in overlay.conf: smtp, imap, user and password_file; then "
                        "overlay config reload");
}
