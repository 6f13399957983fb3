/* What doctor says of the DHT and of our record there. */
#include <string.h>

#include "config/control/doctor.h"
#include "config/control/fields.h"

#define ENOUGH_NODES 20   /* that keep our record */
#define OLD_RECORD_S 5400 /* it is stored again every hour */

static bool is(const json_t *object, const char *key, const char *text)
{
    return strcmp(field_text(object, key), text) == 0;
}

static void find_record(json_t *list, const json_t *record)
{
    double kept = field_number(record, "nodes"), age = field_number(record, "age_s");
    char text[SPAN_TEXT_MAX];

    if (!doctor_knows(record, "nodes")) {
        doctor_add(list, "note", "dht",
                   "our record is not published yet: who knows only our id "
                   "cannot find us");
        doctor_why(list, is(record, "state", "waiting")
                             ? "it waits for its next try"
                             : "it is being stored just now; ask again in a few seconds");
        return;
    }
    bool thin = kept<ENOUGH_NODES, old = age> OLD_RECORD_S;
    doctor_add(list, thin || old ? "note" : "ok", "dht",
               "our record is kept by %.0f nodes of the DHT, since %s", kept, span_text(age, text));
    if (thin || old)
        doctor_why(list, old ? "it could not be stored again since"
                             : "fewer than 20 nodes took it; it is stored again in 15 minutes");
    if (field_number(record, "left_out") > 0) {
        doctor_add(list, "note", "dht", "%.0f services or addresses did not fit into our record",
                   field_number(record, "left_out"));
        doctor_advise(list, "peers see them anyway, once they are connected");
    }
}

void doctor_dht(json_t *list, const json_t *status)
{
    const json_t *dht = json_object_get(status, "dht");

    if (!doctor_knows(dht, "mode") || is(dht, "mode", "off"))
        return;
    if (field_number(dht, "answered") == 0) {
        doctor_add(list, "note", "dht", "the DHT is not reached: none of its nodes answers");
        doctor_why(list, field_number(dht, "nodes") == 0
                             ? "the hosts by which it is entered do not answer, or their names "
                               "cannot be looked up"
                             : "the nodes of last time do not answer");
        doctor_advise(list, "let UDP out through the firewall, if it is yours; or name pkarr "
                            "relays in [dht] relays; or set [dht] mode = off");
        return;
    }
    doctor_add(list, "ok", "dht", "the DHT is reached: %.0f nodes known, %.0f answered lately%s",
               field_number(dht, "nodes"), field_number(dht, "answered"),
               field_flag(dht, "serving") ? "; this gateway serves others" : "");
    find_record(list, json_object_get(dht, "record"));
}
