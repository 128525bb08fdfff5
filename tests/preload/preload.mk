# SPDX-License-Identifier: MIT
#
# Clients of /dev/kvm: ordinary programs with nothing of ours in them.
# `make preload-clients` builds them into $(OUT)/tests/preload.

CLIENT_DIR := tests/preload
CLIENTS := $(patsubst %.c,$(OUT)/%,$(wildcard $(CLIENT_DIR)/*_client.c))

.PHONY: preload-clients
preload-clients: $(CLIENTS)
ifneq ($(PRELOAD),)
tests: $(CLIENTS)
endif

$(CLIENTS): $(OUT)/%: %.c $(OUT)/.flags
	$(call say,CLIENT,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -fPIE $(NONULL) $(OPT) \
		$(LDFLAGS_ALL) -o $@ $<

-include $(CLIENTS:%=%.d)
