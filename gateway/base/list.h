/**
 * Intrusive doubly linked list. A zeroed node is in no list; a head is its own first node.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *prev, *next;
};

/** The struct of type `type` whose member `member` is at `node`. */
#define list_entry(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

/** Walks from first to last. The body may not remove nodes; use list_first() in a loop for that. */
#define list_each(node, head)                                                                      \
    for (struct list *node = (head)->next; node != (head); node = node->next)

/** Makes an empty list of a head. */
static inline void list_init(struct list *head)
{
    head->prev = head->next = head;
}

static inline bool list_is_empty(const struct list *head)
{
    return head->next == head;
}

/** Is this node, not a head, in a list? */
static inline bool list_is_linked(const struct list *node)
{
    return node->next != NULL;
}

/** Returns the first node, or NULL. */
static inline struct list *list_first(struct list *head)
{
    return list_is_empty(head) ? NULL : head->next;
}

/** Puts a node that is in no list at the end. */
static inline void list_append(struct list *head, struct list *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

/** Does nothing to a node that is in no list. */
static inline void list_remove(struct list *node)
{
    if (!node->next)
        return;
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->prev = node->next = NULL;
}

/** Moves all nodes of `from`, in their order, to `to`, which this makes a list. For walks on which
 *  anything may be added and removed. */
static inline void list_take_all(struct list *to, struct list *from)
{
    list_init(to);
    for (struct list *node; (node = list_first(from));) {
        list_remove(node);
        list_append(to, node);
    }
}
