/*
 * schemas.c - see schemas.h. The words are those of JSON Schema 2020-12, as OpenAPI 3.1 has them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "schemas.h"

#include <stddef.h>

const struct schema schemas[] = {
    {"Error", "{\"type\": \"object\", \"required\": [\"detail\", \"code\", \"cause\"], "
              "\"properties\": {\"detail\": {\"type\": \"string\"}, "
              "\"code\": {\"type\": \"string\", "
              "\"description\": \"word of include/enclave/error.h\"}, "
              "\"cause\": {\"enum\": [\"backend_lost\", \"timeout\", \"cancelled\", null]}, "
              "\"message\": {\"type\": \"string\", \"description\": \"what the manager said, "
              "where detail differs from it\"}}}"},
    {"Invalid", "{\"type\": \"object\", \"required\": [\"detail\", \"code\", \"cause\"], "
                "\"properties\": {\"detail\": {\"type\": \"array\", \"minItems\": 1, "
                "\"items\": {\"type\": \"object\", \"required\": [\"type\", \"loc\", \"msg\", "
                "\"input\"], \"properties\": {\"type\": {\"type\": \"string\"}, "
                "\"loc\": {\"type\": \"array\", \"items\": {\"type\": [\"string\", \"integer\"]}}, "
                "\"msg\": {\"type\": \"string\"}, \"input\": {}}}}, "
                "\"code\": {\"type\": \"string\"}, \"cause\": {\"type\": \"null\"}, "
                "\"message\": {\"type\": \"string\"}}}"},
    {"Message", "{\"type\": \"object\", \"required\": [\"message\"], "
                "\"properties\": {\"message\": {\"type\": \"string\"}}}"},
    {"Ok", "{\"type\": \"object\", \"required\": [\"ok\"], "
           "\"properties\": {\"ok\": {\"const\": true}}}"},
    {"Created", "{\"type\": \"object\", \"required\": [\"sandbox_id\"], "
                "\"properties\": {\"sandbox_id\": {\"type\": \"string\", "
                "\"pattern\": \"^[a-z0-9][a-z0-9_-]{0,62}$\"}}}"},
    {"Histogram", "{\"type\": \"object\", \"required\": [\"count\", \"sum\", \"p50\", \"p95\", "
                  "\"p99\"], \"properties\": {\"count\": {\"type\": \"integer\"}, "
                  "\"sum\": {\"type\": \"number\"}, \"p50\": {\"type\": \"number\"}, "
                  "\"p95\": {\"type\": \"number\"}, \"p99\": {\"type\": \"number\"}, "
                  "\"buckets\": {\"type\": \"array\", \"items\": {\"type\": \"array\", "
                  "\"items\": {\"type\": \"number\"}, \"minItems\": 2, \"maxItems\": 2}}}}"},
    {"Stats", "{\"type\": \"object\", \"required\": [\"manager_type\", \"total_sandboxes\", "
              "\"status_counts\", \"sandbox_types\", \"running\", \"cleanup_interval\", "
              "\"pool_size\", \"pool_enabled\", \"pool_initialized\", \"created\", \"deleted\", "
              "\"executions\", \"times\"], "
              "\"properties\": {\"manager_type\": {\"const\": \"local\"}, "
              "\"total_sandboxes\": {\"type\": \"integer\"}, \"running\": {\"type\": \"integer\"}, "
              "\"status_counts\": {\"type\": \"object\", "
              "\"additionalProperties\": {\"type\": \"integer\"}}, "
              "\"sandbox_types\": {\"type\": \"object\", "
              "\"additionalProperties\": {\"type\": \"integer\"}}, "
              "\"cleanup_interval\": {\"type\": \"number\"}, "
              "\"pool_size\": {\"type\": \"integer\"}, \"pool_enabled\": {\"type\": \"boolean\"}, "
              "\"pool_initialized\": {\"type\": \"boolean\"}, "
              "\"created\": {\"type\": \"integer\"}, \"deleted\": {\"type\": \"integer\"}, "
              "\"executions\": {\"type\": \"integer\"}, "
              "\"executions_by_tool\": {\"type\": \"object\"}, "
              "\"reclaimed\": {\"type\": \"object\"}, \"submitted\": {\"type\": \"object\"}, "
              "\"pools\": {\"type\": \"object\"}, \"times\": {\"type\": \"object\", "
              "\"additionalProperties\": {\"$ref\": \"#/components/schemas/Histogram\"}}}}"},
    {"Health", "{\"type\": \"object\", \"required\": [\"healthy\", \"version\", \"uptime\", "
               "\"active_sandboxes\", \"system_info\"], "
               "\"properties\": {\"healthy\": {\"type\": \"boolean\"}, "
               "\"version\": {\"type\": \"string\"}, \"uptime\": {\"type\": \"number\"}, "
               "\"active_sandboxes\": {\"type\": \"integer\"}, "
               "\"system_info\": {\"$ref\": \"#/components/schemas/Stats\"}}}"},
    {"SandboxConfig",
     "{\"type\": [\"object\", \"null\"], "
     "\"description\": \"docs/configuration.md says what the fields mean; one that there is not is "
     "an error\", "
     "\"properties\": {\"timeout\": {\"type\": \"number\", \"minimum\": 0}, "
     "\"ttl\": {\"type\": \"number\", \"minimum\": 0}, "
     "\"tools_config\": {\"anyOf\": [{\"type\": \"object\"}, {\"type\": \"array\", "
     "\"items\": {\"type\": \"string\"}}]}, \"working_dir\": {\"type\": \"string\"}, "
     "\"env_vars\": {\"type\": \"object\"}, \"resource_limits\": {\"type\": \"object\"}, "
     "\"image\": {\"type\": \"string\"}, "
     "\"command\": {\"anyOf\": [{\"type\": \"string\"}, {\"type\": \"array\", "
     "\"items\": {\"type\": \"string\"}}, {\"type\": \"null\"}]}, "
     "\"user\": {\"type\": [\"string\", \"null\"]}, \"volumes\": {\"type\": \"object\"}, "
     "\"ports\": {\"type\": \"object\"}, \"network\": {\"type\": [\"string\", \"null\"]}, "
     "\"network_enabled\": {\"type\": \"boolean\"}, "
     "\"extra_hosts\": {\"type\": \"object\"}, \"platform\": {\"type\": [\"string\", "
     "\"null\"]}, \"memory_limit\": {\"type\": [\"string\", \"integer\"]}, "
     "\"cpu_limit\": {\"type\": \"number\"}, \"pids_limit\": {\"type\": \"integer\"}, "
     "\"nofile_limit\": {\"type\": \"integer\"}, \"privileged\": {\"type\": \"boolean\"}, "
     "\"read_only_root\": {\"type\": \"boolean\"}, "
     "\"workdir_size\": {\"type\": [\"string\", \"integer\"]}, "
     "\"tmp_size\": {\"type\": [\"string\", \"integer\"]}, "
     "\"shm_size\": {\"type\": [\"string\", \"integer\"]}, "
     "\"remove_on_exit\": {\"type\": \"boolean\"}, \"runtime\": {\"type\": [\"string\", "
     "\"null\"]}, \"labels\": {\"type\": \"object\"}, "
     "\"pull_progress\": {\"type\": \"boolean\"}, "
     "\"pull_progress_interval\": {\"type\": \"number\"}, "
     "\"docker_executor_workers\": {}}, \"additionalProperties\": false}"},
    {"Tools", "{\"type\": \"object\", \"additionalProperties\": {\"type\": \"object\", "
              "\"required\": [\"type\", \"function\"], "
              "\"properties\": {\"type\": {\"const\": \"function\"}, "
              "\"function\": {\"type\": \"object\", \"required\": [\"name\", \"description\", "
              "\"parameters\"]}}}}"},
    {"SandboxInfo",
     "{\"type\": \"object\", \"required\": [\"id\", \"status\", \"type\", \"config\", "
     "\"created_at\", \"updated_at\", \"metadata\", \"available_tools\"], "
     "\"properties\": {\"id\": {\"type\": \"string\"}, "
     "\"status\": {\"enum\": [\"initializing\", \"running\", \"idle\", \"busy\", "
     "\"stopping\", \"stopped\", \"error\"]}, \"type\": {\"type\": \"string\"}, "
     "\"config\": {\"type\": \"object\"}, \"created_at\": {\"type\": \"string\"}, "
     "\"updated_at\": {\"type\": \"string\"}, \"metadata\": {\"type\": \"object\"}, "
     "\"available_tools\": {\"$ref\": \"#/components/schemas/Tools\"}}}"},
    {"SandboxInfoList",
     "{\"type\": \"array\", \"items\": {\"$ref\": \"#/components/schemas/SandboxInfo\"}}"},
    {"ExecuteRequest",
     "{\"type\": \"object\", \"required\": [\"sandbox_id\", \"tool_name\"], "
     "\"properties\": {\"sandbox_id\": {\"type\": \"string\"}, "
     "\"tool_name\": {\"type\": \"string\"}, \"parameters\": {\"type\": [\"object\", "
     "\"null\"]}, \"timeout\": {\"type\": [\"number\", \"null\"], \"minimum\": 0, "
     "\"maximum\": 1000000000, "
     "\"description\": \"seconds; 0: none but the server's maximum\"}, "
     "\"execution_id\": {\"type\": [\"string\", \"null\"], \"minLength\": 1, "
     "\"maxLength\": 127}, \"stdin\": {\"type\": [\"string\", \"null\"]}, "
     "\"stdin_base64\": {\"type\": [\"string\", \"null\"], "
     "\"contentEncoding\": \"base64\"}}}"},
    {"ToolResult",
     "{\"type\": \"object\", \"required\": [\"status\", \"cause\", \"exit_code\", "
     "\"signal\", \"truncated\", \"execution_time\", \"timestamp\", \"tool_name\", "
     "\"execution_id\", \"output\", \"error\", \"metadata\"], "
     "\"properties\": {\"status\": {\"enum\": [\"success\", \"error\", \"timeout\", "
     "\"cancelled\"]}, \"cause\": {\"enum\": [\"exited\", \"signaled\", \"timeout\", "
     "\"cancelled\", \"oom\", \"output_limit\", \"backend_lost\"]}, "
     "\"exit_code\": {\"type\": [\"integer\", \"null\"]}, "
     "\"signal\": {\"type\": [\"integer\", \"null\"]}, "
     "\"truncated\": {\"type\": \"boolean\"}, \"execution_time\": {\"type\": \"number\"}, "
     "\"timestamp\": {\"type\": \"string\"}, \"tool_name\": {\"type\": \"string\"}, "
     "\"execution_id\": {\"type\": \"string\"}, \"output\": {\"type\": \"string\"}, "
     "\"error\": {\"type\": [\"string\", \"null\"]}, "
     "\"metadata\": {\"type\": \"object\"}}}"},
    {"Event", "{\"description\": \"one a line as NDJSON, "
              "the data of one event as server-sent events; exactly one result or error, "
              "at the end\", \"oneOf\": [{\"type\": \"object\", \"required\": [\"event\", "
              "\"stream\", \"offset\"], \"properties\": {\"event\": {\"const\": \"output\"}, "
              "\"stream\": {\"enum\": [\"stdout\", \"stderr\"]}, "
              "\"offset\": {\"type\": \"integer\", \"minimum\": 0}, "
              "\"data\": {\"type\": \"string\"}, \"data_base64\": {\"type\": \"string\", "
              "\"contentEncoding\": \"base64\"}}, \"oneOf\": [{\"required\": [\"data\"]}, "
              "{\"required\": [\"data_base64\"]}]}, {\"type\": \"object\", "
              "\"required\": [\"event\"], \"properties\": {\"event\": {\"const\": \"ping\"}}}, "
              "{\"type\": \"object\", \"required\": [\"event\", \"result\"], "
              "\"properties\": {\"event\": {\"const\": \"result\"}, "
              "\"result\": {\"$ref\": \"#/components/schemas/ToolResult\"}}}, "
              "{\"type\": \"object\", \"required\": [\"event\", \"error\"], "
              "\"properties\": {\"event\": {\"const\": \"error\"}, "
              "\"error\": {\"allOf\": [{\"$ref\": \"#/components/schemas/Error\"}, "
              "{\"required\": [\"status\"], "
              "\"properties\": {\"status\": {\"type\": \"integer\"}}}]}}}]}"},
    {"KeepAlive", "{\"type\": \"object\", \"required\": [\"seconds\"], "
                  "\"properties\": {\"seconds\": {\"type\": \"number\", \"minimum\": 0, "
                  "\"maximum\": 1000000000}}}"},
    {"Pool", "{\"type\": \"object\", \"required\": [\"message\", \"pool_size\", \"sandbox_ids\"], "
             "\"properties\": {\"message\": {\"type\": \"string\"}, "
             "\"pool_size\": {\"type\": \"integer\"}, \"sandbox_ids\": {\"type\": \"array\", "
             "\"items\": {\"type\": \"string\"}}}}"},
    {"Parameters", "{\"type\": \"object\", \"description\": \"of the tool\"}"},
    {"Swept", "{\"type\": \"object\", \"required\": [\"reclaimed\"], "
              "\"properties\": {\"reclaimed\": {\"type\": \"array\", "
              "\"items\": {\"type\": \"object\", \"required\": [\"id\", \"reason\"], "
              "\"properties\": {\"id\": {\"type\": \"string\"}, "
              "\"reason\": {\"type\": \"string\"}}}}}}"},
    {"OpenApi", "{\"type\": \"object\", \"required\": [\"openapi\", \"info\", \"paths\", "
                "\"components\"]}"},
    {NULL, NULL},
};
