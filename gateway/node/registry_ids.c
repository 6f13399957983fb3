/* Sorted lists of peers, as services have them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/node/registry_state.h"

static int compare_ids(const void *a, const void *b)
{
    return peer_id_compare(a, b);
}

bool registry_ids_have(const struct peer_id *list, size_t count, const struct peer_id *id)
{
    return count > 0 && bsearch(id, list, count, sizeof(*list), compare_ids);
}

void registry_ids_free(struct id_list *list)
{
    free(list->id);
    *list = (struct id_list){0};
}

int registry_ids_copy(struct id_list *out, const struct peer_id *id, size_t count)
{
    *out = (struct id_list){0};
    if (count > REGISTRY_GRANTS_MAX)
        return -ENOSPC;
    if (count == 0)
        return 0;
    out->id = calloc(count, sizeof(*id));
    if (!out->id)
        return -ENOMEM;
    memcpy(out->id, id, count * sizeof(*id));
    qsort(out->id, count, sizeof(*id), compare_ids);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || !peer_id_equal(&out->id[i], &out->id[out->count - 1]))
            out->id[out->count++] = out->id[i];
    return 0;
}

int registry_ids_add(struct id_list *list, const struct peer_id *id)
{
    size_t at = 0;
    if (registry_ids_have(list->id, list->count, id))
        return 0;
    if (list->count >= REGISTRY_GRANTS_MAX)
        return -ENOSPC;
    struct peer_id *grown = reallocarray(list->id, list->count + 1, sizeof(*id));
    if (!grown)
        return -ENOMEM;
    list->id = grown;
    while (at < list->count && peer_id_compare(&list->id[at], id) < 0)
        at++;
    memmove(&list->id[at + 1], &list->id[at], (list->count - at) * sizeof(*id));
    list->id[at] = *id;
    list->count++;
    return 0;
}

void registry_ids_drop(struct id_list *list, const struct peer_id *id)
{
    for (size_t i = 0; i < list->count; i++) {
        if (!peer_id_equal(&list->id[i], id))
            continue;
        list->count--;
        memmove(&list->id[i], &list->id[i + 1], (list->count - i) * sizeof(*id));
        return;
    }
}
