/*
 * n6_fields.h - text in payloads: in records of fixed size, and as optional fields that end a
 * payload (protocol.md section 2).
 */
#ifndef N6_FIELDS_H
#define N6_FIELDS_H

#include <stddef.h>
#include <stdint.h>

#include "n6_protocol.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Fills size bytes with the text, truncated or padded with zeros; NULL = "". */
void n6_copy_text(char *to, size_t size, const char *text);

/*
 * Appends an optional field to a payload of length bytes in a buffer of MAX_CONTROL bytes, padded
 * to a multiple of four. The text is truncated to the free space; nothing is added for an empty
 * text or NULL. Returns the new length.
 */
size_t n6_put_field(uint8_t *payload, size_t length, n6_field_tag_t tag, const char *text);

/*
 * The text of the first field with this tag, truncated to size - 1 bytes and zero-terminated; "" =
 * none. at and length are the fields; the search ends at an invalid field.
 */
void n6_get_field(const uint8_t *at, size_t length, n6_field_tag_t tag, char *to, size_t size);

#ifdef __cplusplus
}
#endif

#endif
