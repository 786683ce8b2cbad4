/* See n6_fields.h. */
#include "n6_fields.h"

#include <string.h>

void n6_copy_text(char *to, size_t size, const char *text)
{
    memset(to, 0, size);
    for (size_t i = 0; text && i < size && text[i]; i++) {
        to[i] = text[i];
    }
}

size_t n6_put_field(uint8_t *payload, size_t length, n6_field_tag_t tag, const char *text)
{
    n6_field_t field = {.tag = (uint16_t)tag};
    const size_t room = N6_LIMIT_MAX_CONTROL - length;
    size_t size = text ? strlen(text) : 0;

    if (size == 0 || room <= sizeof field) {
        return length;
    }
    if (size > room - sizeof field) {
        size = room - sizeof field;
    }
    field.length = (uint16_t)size;
    memcpy(payload + length, &field, sizeof field);
    memcpy(payload + length + sizeof field, text, size);
    length += sizeof field + size;
    while (length % 4 != 0) {
        payload[length++] = 0;
    }
    return length;
}

void n6_get_field(const uint8_t *at, size_t length, n6_field_tag_t tag, char *to, size_t size)
{
    n6_field_t field = {0};

    memset(to, 0, size);
    while (length >= sizeof field) {
        memcpy(&field, at, sizeof field);
        if (field.length > length - sizeof field) {
            return;
        }
        if (field.tag == tag) {
            memcpy(to, at + sizeof field, field.length < size ? field.length : size - 1);
            return;
        }
        const size_t next = (sizeof field + field.length + 3u) & ~(size_t)3;
        if (next >= length) {
            return;
        }
        at += next;
        length -= next;
    }
}
