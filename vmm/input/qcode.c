/* SPDX-License-Identifier: MIT */
/*
 * The table of keys. What has a code in set 1 has one in set 2, from which a
 * keyboard controller makes it (vmm/dev/i8042); the test holds them together.
 */
#include "vmm/input/qcode.h"

#include <assert.h>
#include <string.h>

struct key {
	const char *name;
	u16 set1, set2;
};

/* long: [SCANCODE "Scan Code Tables"], by the names of [QAPI "QKeyCode"] */
static const struct key keys[QCODE_COUNT] = {
	[QCODE_UNMAPPED] = {"unmapped", 0, 0},
	[QCODE_SHIFT] = {"shift", 0x2a, 0x12},
	[QCODE_SHIFT_R] = {"shift_r", 0x36, 0x59},
	[QCODE_ALT] = {"alt", 0x38, 0x11},
	[QCODE_ALT_R] = {"alt_r", 0xe038, 0xe011},
	[QCODE_CTRL] = {"ctrl", 0x1d, 0x14},
	[QCODE_CTRL_R] = {"ctrl_r", 0xe01d, 0xe014},
	[QCODE_MENU] = {"menu", 0xe01e, 0xe01c},
	[QCODE_ESC] = {"esc", 0x01, 0x76},
	[QCODE_1] = {"1", 0x02, 0x16},
	[QCODE_2] = {"2", 0x03, 0x1e},
	[QCODE_3] = {"3", 0x04, 0x26},
	[QCODE_4] = {"4", 0x05, 0x25},
	[QCODE_5] = {"5", 0x06, 0x2e},
	[QCODE_6] = {"6", 0x07, 0x36},
	[QCODE_7] = {"7", 0x08, 0x3d},
	[QCODE_8] = {"8", 0x09, 0x3e},
	[QCODE_9] = {"9", 0x0a, 0x46},
	[QCODE_0] = {"0", 0x0b, 0x45},
	[QCODE_MINUS] = {"minus", 0x0c, 0x4e},
	[QCODE_EQUAL] = {"equal", 0x0d, 0x55},
	[QCODE_BACKSPACE] = {"backspace", 0x0e, 0x66},
	[QCODE_TAB] = {"tab", 0x0f, 0x0d},
	[QCODE_Q] = {"q", 0x10, 0x15},
	[QCODE_W] = {"w", 0x11, 0x1d},
	[QCODE_E] = {"e", 0x12, 0x24},
	[QCODE_R] = {"r", 0x13, 0x2d},
	[QCODE_T] = {"t", 0x14, 0x2c},
	[QCODE_Y] = {"y", 0x15, 0x35},
	[QCODE_U] = {"u", 0x16, 0x3c},
	[QCODE_I] = {"i", 0x17, 0x43},
	[QCODE_O] = {"o", 0x18, 0x44},
	[QCODE_P] = {"p", 0x19, 0x4d},
	[QCODE_BRACKET_LEFT] = {"bracket_left", 0x1a, 0x54},
	[QCODE_BRACKET_RIGHT] = {"bracket_right", 0x1b, 0x5b},
	[QCODE_RET] = {"ret", 0x1c, 0x5a},
	[QCODE_A] = {"a", 0x1e, 0x1c},
	[QCODE_S] = {"s", 0x1f, 0x1b},
	[QCODE_D] = {"d", 0x20, 0x23},
	[QCODE_F] = {"f", 0x21, 0x2b},
	[QCODE_G] = {"g", 0x22, 0x34},
	[QCODE_H] = {"h", 0x23, 0x33},
	[QCODE_J] = {"j", 0x24, 0x3b},
	[QCODE_K] = {"k", 0x25, 0x42},
	[QCODE_L] = {"l", 0x26, 0x4b},
	[QCODE_SEMICOLON] = {"semicolon", 0x27, 0x4c},
	[QCODE_APOSTROPHE] = {"apostrophe", 0x28, 0x52},
	[QCODE_GRAVE_ACCENT] = {"grave_accent", 0x29, 0x0e},
	[QCODE_BACKSLASH] = {"backslash", 0x2b, 0x5d},
	[QCODE_Z] = {"z", 0x2c, 0x1a},
	[QCODE_X] = {"x", 0x2d, 0x22},
	[QCODE_C] = {"c", 0x2e, 0x21},
	[QCODE_V] = {"v", 0x2f, 0x2a},
	[QCODE_B] = {"b", 0x30, 0x32},
	[QCODE_N] = {"n", 0x31, 0x31},
	[QCODE_M] = {"m", 0x32, 0x3a},
	[QCODE_COMMA] = {"comma", 0x33, 0x41},
	[QCODE_DOT] = {"dot", 0x34, 0x49},
	[QCODE_SLASH] = {"slash", 0x35, 0x4a},
	[QCODE_ASTERISK] = {"asterisk", 0x37, 0x7c},
	[QCODE_SPC] = {"spc", 0x39, 0x29},
	[QCODE_CAPS_LOCK] = {"caps_lock", 0x3a, 0x58},
	[QCODE_F1] = {"f1", 0x3b, 0x05},
	[QCODE_F2] = {"f2", 0x3c, 0x06},
	[QCODE_F3] = {"f3", 0x3d, 0x04},
	[QCODE_F4] = {"f4", 0x3e, 0x0c},
	[QCODE_F5] = {"f5", 0x3f, 0x03},
	[QCODE_F6] = {"f6", 0x40, 0x0b},
	[QCODE_F7] = {"f7", 0x41, 0x83},
	[QCODE_F8] = {"f8", 0x42, 0x0a},
	[QCODE_F9] = {"f9", 0x43, 0x01},
	[QCODE_F10] = {"f10", 0x44, 0x09},
	[QCODE_NUM_LOCK] = {"num_lock", 0x45, 0x77},
	[QCODE_SCROLL_LOCK] = {"scroll_lock", 0x46, 0x7e},
	[QCODE_KP_DIVIDE] = {"kp_divide", 0xe035, 0xe04a},
	[QCODE_KP_MULTIPLY] = {"kp_multiply", 0x37, 0x7c},
	[QCODE_KP_SUBTRACT] = {"kp_subtract", 0x4a, 0x7b},
	[QCODE_KP_ADD] = {"kp_add", 0x4e, 0x79},
	[QCODE_KP_ENTER] = {"kp_enter", 0xe01c, 0xe05a},
	[QCODE_KP_DECIMAL] = {"kp_decimal", 0x53, 0x71},
	[QCODE_SYSRQ] = {"sysrq", 0x54, 0x84},
	[QCODE_KP_0] = {"kp_0", 0x52, 0x70},
	[QCODE_KP_1] = {"kp_1", 0x4f, 0x69},
	[QCODE_KP_2] = {"kp_2", 0x50, 0x72},
	[QCODE_KP_3] = {"kp_3", 0x51, 0x7a},
	[QCODE_KP_4] = {"kp_4", 0x4b, 0x6b},
	[QCODE_KP_5] = {"kp_5", 0x4c, 0x73},
	[QCODE_KP_6] = {"kp_6", 0x4d, 0x74},
	[QCODE_KP_7] = {"kp_7", 0x47, 0x6c},
	[QCODE_KP_8] = {"kp_8", 0x48, 0x75},
	[QCODE_KP_9] = {"kp_9", 0x49, 0x7d},
	[QCODE_LESS] = {"less", 0x56, 0x61},
	[QCODE_F11] = {"f11", 0x57, 0x78},
	[QCODE_F12] = {"f12", 0x58, 0x07},
	[QCODE_PRINT] = {"print", 0xe037, 0xe07c},
	[QCODE_HOME] = {"home", 0xe047, 0xe06c},
	[QCODE_PGUP] = {"pgup", 0xe049, 0xe07d},
	[QCODE_PGDN] = {"pgdn", 0xe051, 0xe07a},
	[QCODE_END] = {"end", 0xe04f, 0xe069},
	[QCODE_LEFT] = {"left", 0xe04b, 0xe06b},
	[QCODE_UP] = {"up", 0xe048, 0xe075},
	[QCODE_DOWN] = {"down", 0xe050, 0xe072},
	[QCODE_RIGHT] = {"right", 0xe04d, 0xe074},
	[QCODE_INSERT] = {"insert", 0xe052, 0xe070},
	[QCODE_DELETE] = {"delete", 0xe053, 0xe071},
	[QCODE_STOP] = {"stop", 0xe068, 0xe028},
	[QCODE_AGAIN] = {"again", 0xe005, 0xe025},
	[QCODE_PROPS] = {"props", 0xe006, 0xe02e},
	[QCODE_UNDO] = {"undo", 0xe007, 0xe036},
	[QCODE_FRONT] = {"front", 0xe00c, 0xe04e},
	[QCODE_COPY] = {"copy", 0xe078, 0xe063},
	[QCODE_OPEN] = {"open", 0x64, 0x08},
	[QCODE_PASTE] = {"paste", 0x65, 0x10},
	[QCODE_FIND] = {"find", 0xe041, 0xe083},
	[QCODE_CUT] = {"cut", 0xe03c, 0xe006},
	[QCODE_LF] = {"lf", 0x5b, 0x1f},
	[QCODE_HELP] = {"help", 0xe075, 0xe05c},
	[QCODE_META_L] = {"meta_l", 0xe05b, 0xe01f},
	[QCODE_META_R] = {"meta_r", 0xe05c, 0xe027},
	[QCODE_COMPOSE] = {"compose", 0xe05d, 0xe02f},
	[QCODE_PAUSE] = {"pause", 0xe046, 0xe07e},
	[QCODE_RO] = {"ro", 0x73, 0x51},
	[QCODE_HIRAGANA] = {"hiragana", 0x77, 0x62},
	[QCODE_HENKAN] = {"henkan", 0x79, 0x64},
	[QCODE_YEN] = {"yen", 0x7d, 0x6a},
	[QCODE_MUHENKAN] = {"muhenkan", 0x7b, 0x67},
	[QCODE_KATAKANAHIRAGANA] = {"katakanahiragana", 0x70, 0x13},
	[QCODE_KP_COMMA] = {"kp_comma", 0x7e, 0x6d},
	[QCODE_KP_EQUALS] = {"kp_equals", 0x59, 0x0f},
	[QCODE_POWER] = {"power", 0xe05e, 0xe037},
	[QCODE_SLEEP] = {"sleep", 0xe05f, 0xe03f},
	[QCODE_WAKE] = {"wake", 0xe063, 0xe05e},
	[QCODE_AUDIONEXT] = {"audionext", 0xe019, 0xe04d},
	[QCODE_AUDIOPREV] = {"audioprev", 0xe010, 0xe015},
	[QCODE_AUDIOSTOP] = {"audiostop", 0xe024, 0xe03b},
	[QCODE_AUDIOPLAY] = {"audioplay", 0xe022, 0xe034},
	[QCODE_AUDIOMUTE] = {"audiomute", 0xe020, 0xe023},
	[QCODE_VOLUMEUP] = {"volumeup", 0xe030, 0xe032},
	[QCODE_VOLUMEDOWN] = {"volumedown", 0xe02e, 0xe021},
	[QCODE_MEDIASELECT] = {"mediaselect", 0xe06d, 0xe050},
	[QCODE_MAIL] = {"mail", 0xe06c, 0xe048},
	[QCODE_CALCULATOR] = {"calculator", 0xe021, 0xe02b},
	[QCODE_COMPUTER] = {"computer", 0xe06b, 0xe040},
	[QCODE_AC_HOME] = {"ac_home", 0xe032, 0xe03a},
	[QCODE_AC_BACK] = {"ac_back", 0xe06a, 0xe038},
	[QCODE_AC_FORWARD] = {"ac_forward", 0xe069, 0xe030},
	[QCODE_AC_REFRESH] = {"ac_refresh", 0xe067, 0xe020},
	[QCODE_AC_BOOKMARKS] = {"ac_bookmarks", 0xe066, 0xe018},
	[QCODE_LANG1] = {"lang1", 0x72, 0x39},
	[QCODE_LANG2] = {"lang2", 0x71, 0x19},
	[QCODE_F13] = {"f13", 0x64, 0x08},
	[QCODE_F14] = {"f14", 0x65, 0x10},
	[QCODE_F15] = {"f15", 0x66, 0x18},
	[QCODE_F16] = {"f16", 0x67, 0x20},
	[QCODE_F17] = {"f17", 0x68, 0x28},
	[QCODE_F18] = {"f18", 0x69, 0x30},
	[QCODE_F19] = {"f19", 0x6a, 0x38},
	[QCODE_F20] = {"f20", 0x6b, 0x40},
	[QCODE_F21] = {"f21", 0x6c, 0x48},
	[QCODE_F22] = {"f22", 0x6d, 0x50},
	[QCODE_F23] = {"f23", 0x6e, 0x57},
	[QCODE_F24] = {"f24", 0x76, 0x5f},
};

const char *qcode_name(enum qcode key)
{
	assert(key < QCODE_COUNT);
	return keys[key].name;
}

bool qcode_of_name(const char *name, enum qcode *ret_key)
{
	for (u32 i = 0; i < QCODE_COUNT; i++)
		if (!strcmp(keys[i].name, name)) {
			*ret_key = i;
			return true;
		}
	return false;
}

u16 qcode_set1(enum qcode key)
{
	assert(key < QCODE_COUNT);
	return keys[key].set1;
}

u16 qcode_set2(enum qcode key)
{
	assert(key < QCODE_COUNT);
	return keys[key].set2;
}

/* Of two keys with one code the first is meant, but it is the keypad's star. */
enum qcode qcode_of_number(u32 number)
{
	u32 code = number & 0x80 ? 0xe000 | (number & 0x7f) : number;

	if (!number || number > 0xff)
		return QCODE_UNMAPPED;
	if (number == keys[QCODE_KP_MULTIPLY].set1)
		return QCODE_KP_MULTIPLY;
	for (u32 i = 0; i < QCODE_COUNT; i++)
		if (keys[i].set1 == code)
			return i;
	return QCODE_UNMAPPED;
}
