/* SPDX-License-Identifier: MIT */
/*
 * The parser of the heads. The files are our own, so it is strict: a key,
 * name or value it does not know is an error with its line.
 */
#include "tests/guest/insn/head.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/guest/insn/feature.h"

#define VALUE_CHARS_MAX 128
#define TOP_MASK	0x3800

struct parse {
	struct insn_head *head;
	struct fault *fault;
	struct insn_case *now; /* the case being filled, or NULL */
	u32 line;
	u32 code_bytes;
	bool in_out; /* the latest of in and out was out */
	bool has_rip;
	bool has_random_undefined;
};

static int bad(struct parse *p, const char *what, struct str s)
{
	return fault_set(p->fault, FAULT_INVALID, -EINVAL, "line %u: %s '%.*s'",
			 p->line, what, STR_ARG(s));
}

/* ---- values ---- */

static int parse_number(struct str s, u64 *ret)
{
	static const struct {
		const char *name;
		u64 value;
	} bases[] = {
		{"data", INSN_DATA}, {"stack", INSN_STACK}, {"code", INSN_CODE}};
	bool is_negative = false;
	u64 base = 0;
	u64 value = 0;

	for (u32 i = 0; i < ARRAY_SIZE(bases); i++) {
		if (!str_starts(s, bases[i].name))
			continue;
		base = bases[i].value;
		s = str_sub(s, strlen(bases[i].name), s.size);
		if (s.size == 0) {
			*ret = base;
			return 0;
		}
		if (s.data[0] == '+')
			s = str_sub(s, 1, s.size);
	}
	if (s.size && s.data[0] == '-') {
		is_negative = true;
		s = str_sub(s, 1, s.size);
	}
	if (str_parse_u64(s, &value) < 0)
		return -EINVAL;
	*ret = is_negative ? base - value : base + value;
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* 0x and hex digits, the highest first; returns the bytes, at most max. */
static int parse_hex(struct str s, u8 *bytes, u32 max)
{
	u32 digits = 0;

	if (!str_starts(s, "0x") || s.size == 2)
		return -EINVAL;
	memset(bytes, 0, max);
	for (size_t i = s.size; i-- > 2;) {
		int digit = hex_digit(s.data[i]);

		if (s.data[i] == '_')
			continue;
		if (digit < 0 || digits / 2 >= max)
			return -EINVAL;
		bytes[digits / 2] |= (u8)(digit << (digits % 2 * 4));
		digits++;
	}
	return (int)(digits + 1) / 2;
}

static int parse_decimal(struct str s, long double *ret)
{
	char text[VALUE_CHARS_MAX];
	char *end;

	if (s.size == 0 || str_copy(s, text, sizeof(text)) < 0)
		return -EINVAL;
	*ret = strtold(text, &end);
	return *end ? -EINVAL : 0;
}

/* "f32:" or "f64:" and elements; returns the bytes written. */
static int parse_vector(struct str s, u8 *bytes, u32 max)
{
	u32 width = str_starts(s, "f32:") ? 4 : 8;
	struct str part;
	u32 at = 0;

	if (!str_starts(s, "f32:") && !str_starts(s, "f64:"))
		return parse_hex(s, bytes, max);
	memset(bytes, 0, max);
	s = str_sub(s, 4, s.size);
	while (str_split(&s, ',', &part)) {
		long double value;
		double f64;
		float f32;

		if (at + width > max || parse_decimal(part, &value) < 0)
			return -EINVAL;
		f64 = (double)value;
		f32 = (float)value;
		memcpy(bytes + at, width == 4 ? (void *)&f32 : (void *)&f64,
		       width);
		at += width;
	}
	return (int)at;
}

/* ---- assignments ---- */

static int set_register_stack(struct insn_state *state, struct str list)
{
	struct str part;
	u32 count = 0;
	u32 top;

	while (str_split(&list, ',', &part)) {
		long double value;

		if (count == 8)
			return -EINVAL;
		if (str_starts(part, "0x")) {
			if (parse_hex(part, state->st[count], 10) < 0)
				return -EINVAL;
		} else if (parse_decimal(part, &value) == 0) {
			memcpy(state->st[count], &value, 10);
		} else {
			return -EINVAL;
		}
		count++;
	}
	top = (8 - count) & 7;
	state->fsw = (u16)((state->fsw & ~TOP_MASK) | top << 11);
	state->ftw = 0;
	for (u32 i = 0; i < count; i++)
		state->ftw |= (u8)BIT((top + i) & 7);
	return 0;
}

static int set_mm(struct insn_state *state, u32 index, struct str value)
{
	u64 number;

	if (index >= 8 || parse_number(value, &number) < 0)
		return -EINVAL;
	memcpy(state->st[index], &number, 8);
	memset(state->st[index] + 8, 0xff, 2);
	state->ftw = 0xff;
	state->fsw &= (u16)~TOP_MASK;
	return 0;
}

static int set_ymm(struct insn_state *state, u32 index, u32 size,
		   struct str value)
{
	u8 bytes[32];

	if (index >= 16 || parse_vector(value, bytes, size) < 0)
		return -EINVAL;
	memcpy(state->ymm[index], bytes, size);
	return 0;
}

/* The bytes at a linear address in data or stack, or NULL. */
static u8 *memory_at(struct insn_state *state, u64 address, u32 size)
{
	if (address >= INSN_DATA && address + size <= INSN_DATA + INSN_DATA_BYTES)
		return state->data + (address - INSN_DATA);
	if (address >= INSN_STACK_PAGE &&
	    address + size <= INSN_STACK_PAGE + INSN_STACK_BYTES)
		return state->stack + (address - INSN_STACK_PAGE);
	return NULL;
}

static int set_memory(struct insn_state *state, struct str name,
		      struct str value)
{
	u8 bytes[64];
	u64 address;
	u8 *at;
	int size = parse_vector(value, bytes, sizeof(bytes));

	if (size < 0 || parse_number(str_sub(name, 1, name.size - 1), &address))
		return -EINVAL;
	at = memory_at(state, address, (u32)size);
	if (!at)
		return -EINVAL;
	memcpy(at, bytes, (u32)size);
	return 0;
}

static int gpr_index(struct str name)
{
	for (int i = 0; i < INSN_GPRS; i++)
		if (str_eq_c(name, insn_gpr_name[i]))
			return i;
	return -1;
}

/* "xmm12" with prefix "xmm" is 12; 99 when it is none. */
static u32 register_index(struct str name, const char *prefix)
{
	u64 index;

	if (!str_starts(name, prefix) ||
	    str_parse_u64(str_sub(name, strlen(prefix), name.size), &index) < 0)
		return 99;
	return index < 16 ? (u32)index : 99;
}

static int set_ending(struct parse *p, struct insn_state *state,
		      struct str name, u64 number)
{
	if (!p->in_out)
		return -EINVAL;
	if (str_eq_c(name, "rip")) {
		state->rip = number;
		p->has_rip = true;
	} else if (str_eq_c(name, "fault")) {
		state->vector = (u8)number;
	} else if (str_eq_c(name, "error")) {
		state->error = (u32)number;
	} else {
		state->cr2 = number;
	}
	return 0;
}

static int set_number(struct parse *p, struct insn_state *state,
		      struct str name, struct str value)
{
	int gpr = gpr_index(name);
	u64 number;

	if (parse_number(value, &number) < 0)
		return -EINVAL;
	if (gpr >= 0)
		state->gpr[gpr] = number;
	else if (str_eq_c(name, "mxcsr"))
		state->mxcsr = (u32)number;
	else if (str_eq_c(name, "fcw"))
		state->fcw = (u16)number;
	else if (str_eq_c(name, "fsw"))
		state->fsw = (u16)((number & ~(u64)TOP_MASK) |
				   (state->fsw & TOP_MASK));
	else if (str_eq_c(name, "ftw"))
		state->ftw = (u8)number;
	else if (str_eq_c(name, "top"))
		state->fsw = (u16)((state->fsw & ~TOP_MASK) |
				   (number << 11 & TOP_MASK));
	else if (str_eq_c(name, "rip") || str_eq_c(name, "fault") ||
		 str_eq_c(name, "error") || str_eq_c(name, "cr2"))
		return set_ending(p, state, name, number);
	else
		return -EINVAL;
	return 0;
}

static int set_flags(struct insn_state *state, struct str value)
{
	state->rflags = insn_flags_parse(value.data, value.size);
	return state->rflags == UINT64_MAX ? -EINVAL : 0;
}

static int assign(struct parse *p, struct insn_state *state, struct str name,
		  struct str value)
{
	u32 index;

	if (str_eq_c(name, "flags"))
		return set_flags(state, value);
	if (str_eq_c(name, "st"))
		return set_register_stack(state, value);
	if (name.size > 2 && name.data[0] == '[' &&
	    name.data[name.size - 1] == ']')
		return set_memory(state, name, value);
	index = register_index(name, "mm");
	if (index != 99)
		return set_mm(state, index, value);
	index = register_index(name, "xmm");
	if (index != 99)
		return set_ymm(state, index, 16, value);
	index = register_index(name, "ymm");
	if (index != 99)
		return set_ymm(state, index, 32, value);
	return set_number(p, state, name, value);
}

/* ---- lines ---- */

/* Takes the next word off the front, blanks around it dropped. */
static bool next_word(struct str *rest, struct str *ret)
{
	size_t size = 0;

	*rest = str_trim(*rest);
	if (rest->size == 0)
		return false;
	while (size < rest->size && rest->data[size] != ' ' &&
	       rest->data[size] != '\t')
		size++;
	*ret = str_sub(*rest, 0, size);
	*rest = str_sub(*rest, ret->size, rest->size);
	return true;
}

static int parse_assignments(struct parse *p, struct str rest,
			     struct insn_state *state)
{
	struct str word;

	while (next_word(&rest, &word)) {
		size_t equals = str_find(word, '=');

		if (equals == word.size ||
		    assign(p, state, str_sub(word, 0, equals),
			   str_sub(word, equals + 1, word.size)) < 0)
			return bad(p, "cannot make sense of", word);
	}
	return 0;
}

static void finish_case(struct parse *p)
{
	struct insn_state *out;

	if (!p->now || !p->in_out)
		return;
	out = &p->now->out;
	if (!p->has_rip)
		out->rip = INSN_CODE +
			   (out->vector == INSN_NO_VECTOR ? p->code_bytes : 0);
}

static int line_in(struct parse *p, struct str rest)
{
	struct insn_head *head = p->head;

	if (p->now && !p->in_out)
		return parse_assignments(p, rest, &p->now->in);
	finish_case(p);
	if (head->case_count == INSN_CASES_MAX)
		return bad(p, "too many cases before", rest);
	p->now = &head->cases[head->case_count++];
	p->now->line = p->line;
	p->now->undefined = head->undefined;
	insn_state_init(&p->now->in);
	p->in_out = false;
	p->has_rip = false;
	return parse_assignments(p, rest, &p->now->in);
}

static int line_out(struct parse *p, struct str rest)
{
	if (!p->now)
		return bad(p, "out before any in:", rest);
	if (!p->in_out)
		p->now->out = p->now->in;
	p->in_out = true;
	return parse_assignments(p, rest, &p->now->out);
}

static int line_needs(struct parse *p, struct str rest)
{
	struct insn_head *head = p->head;
	struct str word;

	while (next_word(&rest, &word)) {
		const char *name = insn_feature_name(word);

		if (!name || head->needs_count == INSN_NEEDS_MAX)
			return bad(p, "unknown or one too many feature", word);
		head->needs[head->needs_count++] = name;
	}
	return 0;
}

static int line_cpl(struct parse *p, struct str rest)
{
	rest = str_trim(rest);
	if (!str_eq_c(rest, "0") && !str_eq_c(rest, "3"))
		return bad(p, "no such level:", rest);
	p->head->cpl = (u32)(rest.data[0] - '0');
	return 0;
}

static int line_limited_kvm(struct parse *p, struct str rest)
{
	struct str word;

	while (next_word(&rest, &word)) {
		if (!str_eq_c(word, "0") && !str_eq_c(word, "3"))
			return bad(p, "no such level:", word);
		p->head->limited_levels |= 1U << (word.data[0] - '0');
	}
	return 0;
}

static int line_undefined(struct parse *p, struct str rest)
{
	u64 flags;

	rest = str_trim(rest);
	flags = insn_flags_parse(rest.data, rest.size);
	if (flags == UINT64_MAX)
		return bad(p, "unknown flags", rest);
	if (p->now)
		p->now->undefined = flags;
	else
		p->head->undefined = flags;
	return 0;
}

static int line_random_undefined(struct parse *p, struct str rest)
{
	rest = str_trim(rest);
	p->head->random_undefined = insn_flags_parse(rest.data, rest.size);
	p->has_random_undefined = true;
	if (p->head->random_undefined == UINT64_MAX)
		return bad(p, "unknown flags", rest);
	return 0;
}

static int add_random(struct parse *p, struct str word)
{
	struct insn_head *head = p->head;
	enum insn_random_kind kind = INSN_RANDOM_GPR;
	int gpr = gpr_index(word);
	u64 address = 0;
	u32 index = (u32)gpr;

	if (str_eq_c(word, "flags")) {
		kind = INSN_RANDOM_FLAGS;
	} else if (register_index(word, "ymm") != 99) {
		kind = INSN_RANDOM_YMM;
		index = register_index(word, "ymm");
	} else if (word.data[0] == '[' && word.data[word.size - 1] == ']' &&
		   parse_number(str_sub(word, 1, word.size - 1), &address) == 0 &&
		   address >= INSN_DATA && address <= INSN_DATA + 0x1f00) {
		kind = INSN_RANDOM_MEMORY;
		index = (u32)(address - INSN_DATA);
	} else if (gpr < 0) {
		return bad(p, "cannot be random:", word);
	}
	if (head->random_count == INSN_RANDOM_MAX)
		return bad(p, "one too many random:", word);
	head->random[head->random_count].kind = kind;
	head->random[head->random_count++].index = index;
	return 0;
}

static int line_random(struct parse *p, struct str rest)
{
	struct str word;
	int err = 0;

	while (err == 0 && next_word(&rest, &word))
		err = add_random(p, word);
	return err;
}

static const struct {
	const char *key;
	int (*parse)(struct parse *p, struct str rest);
} line_keys[] = {
	{"in:", line_in},
	{"out:", line_out},
	{"needs:", line_needs},
	{"cpl:", line_cpl},
	{"limited-kvm:", line_limited_kvm},
	{"undefined:", line_undefined},
	{"random:", line_random},
	{"random-undefined:", line_random_undefined},
};

/* Other lines of the comment are prose. */
static int parse_line(struct parse *p, struct str line)
{
	line = str_trim(line);
	if (!str_starts(line, "* "))
		return 0;
	line = str_trim(str_sub(line, 2, line.size));
	for (u32 i = 0; i < ARRAY_SIZE(line_keys); i++)
		if (str_starts(line, line_keys[i].key))
			return line_keys[i].parse(
				p, str_sub(line, strlen(line_keys[i].key),
					   line.size));
	return 0;
}

int insn_head_parse(struct str text, u32 code_bytes, struct insn_head *ret,
		    struct fault *fault)
{
	struct parse p = {.head = ret, .fault = fault, .code_bytes = code_bytes};
	struct str line;
	int err = 0;

	memset(ret, 0, sizeof(*ret));
	ret->cpl = INSN_CPL_ANY;
	ret->cases = calloc(INSN_CASES_MAX, sizeof(*ret->cases));
	if (!ret->cases)
		return fault_set(fault, FAULT_NO_MEMORY, -ENOMEM, "no memory");
	while (err == 0 && str_split(&text, '\n', &line)) {
		p.line++;
		err = parse_line(&p, line);
	}
	finish_case(&p);
	if (err == 0 && (!p.now || !p.in_out))
		err = bad(&p, "the head ends without", str_of("in and out"));
	if (!p.has_random_undefined)
		ret->random_undefined = ret->undefined;
	if (err < 0)
		insn_head_release(ret);
	return err;
}

void insn_head_release(struct insn_head *head)
{
	free(head->cases);
	head->cases = NULL;
}
