#include "bench/command.h"

#include <string.h>

#include "bench/cmd.h"

const struct command *const command_all[] = {
    &cmd_vet, &cmd_measure, &cmd_report, &cmd_reflect, &cmd_list, &cmd_explain, &cmd_man, NULL,
};

const struct command *command_find(const char *name)
{
    for (unsigned i = 0; command_all[i]; i++) {
        if (strcmp(command_all[i]->name, name) == 0)
            return command_all[i];
    }
    return NULL;
}
