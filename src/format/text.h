// SPDX-License-Identifier: Apache-2.0
//
// Formatting that every script needs and that is too slow in Lua: quoted
// text, JSON strings, 64-bit integers. LuaJIT's FFI finds these functions by
// name among the symbols of the executable (lua/tracer/quote.lua and json.lua
// declare them again), hence C names, and hence a program that calls none of
// them by name must refer to one, or the linker leaves their file out.
//
// Each writes into memory of the caller, which is a reserved part of a
// string.buffer, and returns how much of it is filled. What is promised is
// the room that is enough for any text; the caller gives at least that, for
// nothing is checked here. `text` and `out` must not overlap. No byte outside
// [text, text + size) is read and no byte beyond the room is written, but
// within the room bytes after the returned size may have been changed.
//
// No allocation, no state, no locale: any thread. They do not cut long text,
// nor do they choose an encoding; that is for the script library.
#pragma once

#include <cstddef>
#include <cstdint>

/// Room for tracer_quote. A byte becomes four at most: \x1b, or \xff for each
/// byte that is not UTF-8. Runes cost less: 6 for 2, 6 for 3, 10 for 4.
#define TRACER_QUOTE_ROOM(size) (4 * (size) + 2)

/// Room for tracer_text, and with the width for tracer_cell.
#define TRACER_TEXT_ROOM(size) (4 * (size))

/// Room for tracer_json. A byte becomes six at most: \u001b.
#define TRACER_JSON_ROOM(size) (6 * (size) + 2)

/// Room for tracer_i64 and tracer_u64: -9223372036854775808 and
/// 18446744073709551615.
#define TRACER_INTEGER_ROOM 20

extern "C" {

/// The text between double quotes, as Go's strconv.Quote writes it: printable
/// runes stay, \a \b \f \n \r \t \v \\ \" are short, other bytes below 0x80
/// and bytes that are not UTF-8 are \x1b, other runes \u00ad or \U000e0001.
/// Printable are letters, marks, numbers, punctuation, symbols and the ASCII
/// space, by the Unicode version of libutf8proc.
size_t tracer_quote(const char* text, size_t size, char* out) noexcept;

/// The text as a JSON string with its quotes. If `latin1` is zero, the text
/// must be valid UTF-8 (tracer_utf8_valid) and stays so; otherwise each byte
/// from 0x80 becomes \u00XX of the same number, which keeps any bytes. DEL is
/// escaped too, though JSON allows it, and so are the controls from U+0080 to
/// U+009F: output often ends on a terminal.
size_t tracer_json(const char* text, size_t size, int latin1,
                   char* out) noexcept;

/// The same without quotes around it, and without a backslash before those that
/// are in it: for a line or a column. What it was can still be told.
size_t tracer_text(const char* text, size_t size, char* out) noexcept;

/// The bytes as numbers, with a blank behind each: "de ad ". Room: 3 * size.
size_t tracer_hex(const char* bytes, size_t size, char* out) noexcept;

/// How many columns of a terminal the text takes that tracer_text has written:
/// wide runes two, combining ones none.
size_t tracer_width(const char* text, size_t size) noexcept;

/// tracer_text, filled up with blanks to `width` columns: behind it, or before
/// it if `width` is negative. Longer text is kept whole. Room: that of
/// tracer_text and the width.
size_t tracer_cell(const char* text, size_t size, int width,
                   char* out) noexcept;

/// 1 if the text is UTF-8 throughout: no overlong forms, no surrogates,
/// nothing above U+10FFFF. Empty text is.
int tracer_utf8_valid(const char* text, size_t size) noexcept;

/// The integer in decimal. Lua's own conversion of a number keeps 14 digits,
/// so a clock in nanoseconds would lose its end after a day.
size_t tracer_i64(int64_t value, char* out) noexcept;
size_t tracer_u64(uint64_t value, char* out) noexcept;

}  // extern "C"
