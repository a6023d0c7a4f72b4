/*
 * import_hint.c - see import_hint.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "import_hint.h"

#include "module_names.h"

#include <stdlib.h>

/*
 * It replaces __import__ rather than putting a finder in front of sys.meta_path: finders are not
 * asked for modules that the interpreter has imported already (os, sys), and they are asked for
 * what an allowed module imports for itself (json needs re), which the lists do not mean. C code
 * that imports on behalf of the script (time.strptime) passes a list as fromlist; statements pass a
 * tuple or None. The script runs in the real __main__, for pickle and multiprocessing.
 */
const char import_hint_program[] =
    "def run():\n"
    "    import builtins, sys\n"
    "    script, allowed, blocked = sys.argv[1:4]\n"
    "    allowed = allowed.split(',') if allowed else []\n"
    "    blocked = blocked.split(',') if blocked else []\n"
    "    real = builtins.__import__\n"
    "    def named(name, names):\n"
    "        return any(name == n or name.startswith(n + '.') for n in names)\n"
    "    def limited(name, globals=None, locals=None, fromlist=(), level=0):\n"
    "        if level == 0 and (globals or {}).get('__name__') == '__main__' \\\n"
    "                and not isinstance(fromlist, list):\n"
    "            parts = [name + '.' + part for part in fromlist or ()]\n"
    "            for each in [name] + parts:\n"
    "                if named(each, blocked):\n"
    "                    raise ImportError(f\"module '{each}' is blocked "
    "(blocked_modules of python_executor)\", name=each)\n"
    "            if allowed and not named(name, allowed) \\\n"
    "                    and not (parts and all(named(part, allowed) for part in parts)):\n"
    "                raise ImportError(f\"module '{name}' is not allowed "
    "(allowed_modules of python_executor)\", name=name)\n"
    "        return real(name, globals, locals, fromlist, level)\n"
    "    main = globals()\n"
    "    del main['run']\n"
    "    sys.argv[:] = [script]\n"
    "    if sys.path and sys.path[0] == '':\n"
    "        sys.path[0] = script.rpartition('/')[0]\n"
    "    main['__file__'] = script\n"
    "    with open(script, 'rb') as file:\n"
    "        code = compile(file.read(), script, 'exec', dont_inherit=True)\n"
    "    builtins.__import__ = limited\n"
    "    exec(code, main)\n"
    "run()\n";

int32_t import_hint_read(struct json_object *options, struct import_hint *ret,
                         struct enclave_error *err)
{
    struct import_hint hint = {NULL, NULL};
    int32_t rc = module_names_read(options, "allowed_modules", &hint.allowed, err);

    if (rc == 0) {
        rc = module_names_read(options, "blocked_modules", &hint.blocked, err);
    }
    if (rc != 0 || (!*hint.allowed && !*hint.blocked)) {
        import_hint_clear(&hint);
    }
    if (rc == 0) {
        *ret = hint;
    }
    return rc;
}

void import_hint_clear(struct import_hint *hint)
{
    free(hint->allowed);
    free(hint->blocked);
    *hint = (struct import_hint){NULL, NULL};
}
