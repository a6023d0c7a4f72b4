/*
 * agent.h - the state of the program: the stream, what CONFIG said, the executions. Every part
 * works on this one object; there is one thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include "frames.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#define AGENT_VERSION "0.1.0"

#define EXEC_COUNT_MAX 1024
#define RLIMIT_COUNT_MAX 32
#define SCRIPT_NAME_MAX 255
#define FORK_SERVERS_MAX 4

/* How the end of an execution's processes is found. */
enum kill_mode { KILL_BY_GID = 1, KILL_BY_SUBREAPER = 2 };

/* What a child tells about itself before it has become the payload's program (or instead of it).
 * It lies in memory shared with the child, which costs no descriptor; a program that was exec'd no
 * longer has it. */
struct report {
    int32_t code;      /* 0: nothing to report; else the exit code or errno that EXIT carries */
    int32_t main_pid;  /* these only with a subreaper, which fills them in */
    int32_t main_done; /* the rest is there */
    int32_t main_status;
    uint64_t cpu_us;
    uint64_t peak_memory;
    char reason[224];
};

struct config {
    bool privileged;
    bool give_working_dir;
    uid_t uid;
    gid_t gid;
    char *working_dir;
    char *scratch_dir;
    char **env; /* the agent's and CONFIG's */
    size_t env_count;
    char **checks;
    struct {
        int resource;
        rlim_t limit;
    } rlimits[RLIMIT_COUNT_MAX];
    size_t rlimit_count;
    uint8_t *bytes; /* the strings above lie here */
};

/* An output stream of an execution. */
struct stream {
    int fd; /* -1: at its end */
    bool watched;
    bool rests; /* not read until the timer ends, see exec_rested() */
    uint64_t credit;
    int64_t read_us;  /* when it was read last */
    uint64_t flowing; /* bytes since it paused */
};

/* Stdin of an execution. */
struct feed {
    int fd; /* -1: closed */
    bool watched;
    bool ending;     /* STDIN_EOF came: close when empty */
    uint32_t room;   /* what the manager may still send */
    uint32_t unsaid; /* written, and not told by STDIN_ROOM yet */
    uint8_t *bytes;  /* WIRE_STDIN_WINDOW of them, or NULL */
    uint32_t start;
    uint32_t end;
};

struct exec {
    uint32_t id; /* 0: this place is free */
    uint32_t generation;
    pid_t pid;    /* main process, or its subreaper; 0: reaped */
    gid_t gid;    /* its own supplementary gid; 0 with subreapers */
    bool is_file; /* a file operation: its child runs the agent's code only */
    bool killed;
    bool stays;  /* when a new manager comes */
    bool adrift; /* the manager that started it is gone: nobody hears of it */
    bool main_done;
    bool settled;   /* killed while nothing in the sandbox could fork */
    bool inherited; /* its subreaper was killed: `pid` is the main process after all */
    unsigned clean_scans;
    int status; /* of the main process */
    uint64_t cpu_us;
    uint64_t peak_memory;
    uint64_t oom_before;
    struct stream out[2]; /* stdout, stderr */
    struct feed in;
    bool forked;            /* a fork server's child */
    struct fork_wait *wait; /* for a fork server; NULL: for none */
    uint32_t script;        /* number of its folder under scratch_dir; 0: none */
    char script_name[SCRIPT_NAME_MAX + 1];
};

enum fork_server_state {
    FORK_SERVER_NONE, /* the place is free */
    FORK_SERVER_NEW,  /* not running */
    FORK_SERVER_STARTING,
    FORK_SERVER_READY,
    FORK_SERVER_USELESS /* it does not work here */
};

struct fork_server {
    enum fork_server_state state;
    bool asked_for; /* an execution has named it */
    pid_t pid;      /* 0: reaped */
    int fd;         /* -1: not running */
    unsigned failures;
    unsigned sent;       /* requests without an answer */
    int64_t deadline_ms; /* for an answer, or for its start */
    char **argv;
    char **env;
    size_t env_count;
    struct fork_wait *waits; /* in the order they came: those sent are first */
};

enum reset_step { RESET_NONE, RESET_ENDING, RESET_CLEANING };

struct reset {
    enum reset_step step;
    uint32_t id; /* that of its EXIT */
    uint32_t window;
    uint32_t mode; /* of working_dir, at the beginning */
};

enum adoption_phase {
    ADOPTION_NONE,   /* frames are read */
    ADOPTION_DEAF,   /* what came could not be understood: only a call is listened for */
    ADOPTION_MEETING /* called by a new manager: the stream is not clear yet */
};

/* See adoption.h. */
struct adoption {
    uint32_t lease_ms; /* 0: none */
    int64_t heard_ms;  /* when something came last */
    bool has_token;
    uint8_t token[WIRE_TOKEN_SIZE];
    enum adoption_phase phase;
    bool called;     /* there is a call in what has come, in front of `rest` */
    bool answer_due; /* once the executions have ended */
    unsigned clear_rounds;
    uint64_t since_call; /* bytes since the last one */
    uint8_t number[WIRE_CALL_SIZE - WIRE_TOKEN_SIZE];
    uint8_t tail[WIRE_CALL_SIZE - 1]; /* the last bytes that came */
    size_t tail_length;
    const uint8_t *rest; /* of what has come, no frames any more */
    size_t rest_length;
    int relay_fd;   /* where a relay connects; -1: the first stream has not ended */
    uint8_t *state; /* the manager's, to be given to the next */
    size_t state_length;
};

struct agent {
    struct inbox in;
    struct outbox out;
    bool in_watched;
    bool out_watched;
    bool configured;
    bool pid_one;
    int epoll_fd;
    int signal_fd;
    int rest_fd; /* timer of streams that rest */
    bool rest_is_set;
    int proc_fd;
    int oom_fd;     /* file with the oom_kill counter; -1: none */
    int oom_adj_fd; /* the agent's oom_score_adj; -1: not to be had */
    int scratch_fd;
    int notice[2]; /* subreapers write here when their main process has ended */
    char oom_adj[16];
    uint32_t script_count;
    uint32_t generation;
    enum kill_mode kill_mode;
    gid_t gid_first; /* range of the executions' gids */
    gid_t gid_last;
    gid_t gid_next;
    bool gid_wrapped;
    pid_t
        leftover[EXEC_COUNT_MAX]; /* subreapers of ended executions, with what these left behind */
    size_t killing;               /* executions that are being killed */
    unsigned kill_stops;          /* how often the sandbox was stopped for that */
    unsigned unsure_scans; /* scans that may have missed something, since the last that was sure */
    unsigned kill_tries;   /* scans since something was killed last began */
    struct config config;
    char *facts; /* what READY says */
    struct adoption adoption;
    struct report *reports; /* one per place in `execs`, shared with children */
    struct fork_server servers[FORK_SERVERS_MAX];
    struct reset reset;
    size_t exec_high; /* places from here on were never used */
    bool held_back;   /* some stream is not read since the outbox was full */
    size_t resumes;   /* of reading, after that */
    struct exec execs[EXEC_COUNT_MAX];
};

/* What an event of the epoll set is about; packed into its 64 bits. */
enum watch_kind {
    WATCH_INBOX = 1,
    WATCH_OUTBOX = 2,
    WATCH_SIGNALS = 3,
    WATCH_NOTICE = 4,
    WATCH_SERVER = 5, /* with the place of the fork server */
    WATCH_RELAY = 6,  /* see adoption.h */
    WATCH_REST = 7,
    WATCH_STDOUT = 8, /* these three with place and generation of the execution */
    WATCH_STDERR = 9,
    WATCH_STDIN = 10
};

/* Add a descriptor to the set; 0 or -errno. `place` and `generation` are 0 for the agent's own. */
int watch_add(struct agent *agent, int fd, uint32_t events, enum watch_kind kind, size_t place,
              uint32_t generation);
void watch_remove(struct agent *agent, int fd);

/* Send FATAL. */
void agent_say_fatal(struct agent *agent, const char *reason);
/* Send FATAL, then end the sandbox. Does not return. */
_Noreturn void agent_fatal(struct agent *agent, const char *reason);
/* End every process and the agent. Does not return. */
_Noreturn void agent_end(struct agent *agent);

static inline struct report *exec_report(struct agent *agent, const struct exec *exec)
{
    return &agent->reports[exec - agent->execs];
}

#endif
