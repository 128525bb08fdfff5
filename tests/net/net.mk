# SPDX-License-Identifier: MIT
#
# Programs that play a guest of the user network: $(OUT)/tests/net/x_client.
# tests/net/run calls them.

NET_OBJ := $(call obj,$(wildcard tests/net/*_client.c))
NET_CLIENTS := $(patsubst $(OBJ)/%.c.o,$(OUT)/%,$(NET_OBJ))

.PHONY: net-clients
tests: $(NET_CLIENTS)
net-clients: $(NET_CLIENTS)

$(NET_CLIENTS): $(OUT)/%: $(OBJ)/%.c.o $(LIBS)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(LINK) -fno-lto -o $@ $^ $(LDLIBS_ALL)

-include $(NET_OBJ:.o=.d)
