/* bounds.h: every maximum of the program, with its unit and reason. */
#ifndef AF_BOUNDS_H
#define AF_BOUNDS_H

#include <stdint.h>

#define AF_US_NS INT64_C(1000)
#define AF_MS_NS INT64_C(1000000)
#define AF_S_NS INT64_C(1000000000)

/* JSON. */
#define AF_VALUE_DEPTH_MAX 120 /* levels of an event, of data: deeper is a bug or an attack */
#define AF_JSON_DEPTH_MAX 128  /* of a text that is read: a value, and what carries it */
#define AF_JSON_BYTES_MAX (16u << 20) /* a text that is read: the platform passes 8 MiB */
#define AF_BUF_BYTES_MAX (512u << 20) /* any buffer: far beyond what one message may be */

#define AF_MEM_HELD_BYTES (2u << 20) /* given back, that a service or node holds for later */

/* Scripts. */
#define AF_SCRIPT_INSTRUCTIONS_MAX INT64_C(100000000) /* VM instructions a delivery: about 1 s */
#define AF_SCRIPT_HOOK_INSTRUCTIONS 1000              /* between two looks at the cap */
#define AF_SCRIPT_BYTES_AN_INSTRUCTION 16             /* that C writes or reads: as long as one */
#define AF_SCRIPT_GROWTH_BYTES_MAX (64u << 20)        /* memory that one delivery may add */
#define AF_VECTOR_SCRATCH_BYTES (16u << 20)           /* results of af.vector are made there */
#define AF_SCRIPT_STATE_BYTES_MAX (INT64_C(20) << 30) /* all parties that share a state */
#define AF_SCRIPT_ENTER_MAX 100                       /* states entered in a row */
#define AF_SCRIPT_REACH_MAX 1000 /* levels of tables and functions that a handler may reach */
#define AF_FLOW_WATCHED_MAX 64   /* monitors and properties over time of a flow */
#define AF_SCRIPT_CLOSES_MAX 20  /* coroutines that close each other, on the C stack */
#define AF_SCRIPT_FILE_BYTES_MAX (4u << 20) /* a flow file */
#define AF_FLOW_NAME_BYTES_MAX 128          /* a flow's, an event type's */
#define AF_SCRIPT_NAME_BYTES_MAX 1024       /* a role's, state's, event's, deadline's, call's */

/* What one step comes to: a delivery, or what a sequential script does until it waits. */
#define AF_STEP_SENDS_MAX 100000
#define AF_STEP_TARGETS_MAX 2000000 /* one send reaches all parties of the largest run */
#define AF_STEP_DEADLINES_MAX 10000
#define AF_STEP_LOGS_MAX 100000
#define AF_STEP_BYTES_MAX (64u << 20)      /* of what it sends and logs */
#define AF_STEP_TEXT_BYTES_MAX (64u << 10) /* a reason, an error, a traceback: the rest is cut */

#define AF_FILE_OWN_MAX 4 /* files of a command that its scripts are kept from */

/* Parties. */
#define AF_PARTY_DATA_BYTES_MAX (16u << 20) /* data as JSON; large things belong in files */
#define AF_PARTY_DATA_BYTES_WARN (256u << 10)
#define AF_PARTY_DEFERRED_MAX 100000             /* events: a party that defers more is stuck */
#define AF_PARTY_DEFERRED_BYTES_MAX (256u << 20) /* … and their contents */
#define AF_PARTY_KEPT_MAX 1000                   /* texts of bytes beside data */
#define AF_PARTY_KEPT_BYTES_MAX (192u << 20)     /* … and all of them: a round of models */
#define AF_PARTY_DEADLINES_MAX 10000             /* that are armed: all are written at each step */
#define AF_PARTY_ATTEMPTS_MAX 3 /* deliveries of an input over which its process dies */
#define AF_JOURNAL_BYTES                                                                           \
    (64ll << 20) /* of a party's journal: older entries lose their contents                        \
                  */
#define AF_DB_CHECKED_BYTES                                                                        \
    (INT64_C(16) << 20) /* a file that others share is checked at once up to this */
#define AF_JOURNAL_AGE_NS (30 * 24 * 3600 * AF_S_NS)
#define AF_NODE_AGAIN_NS                                                                           \
    AF_S_NS /* after which a party is tried again that a passing lack has stopped */
#define AF_NODE_LOOK_NS AF_S_NS               /* that `ctl status` waits for the servers of a bus */
#define AF_NODE_DRAIN_NS (3 * AF_S_NS)        /* that a node which ends waits for the bus */
#define AF_NODE_LOG_BYTES (10 << 20)          /* of a task's log, before another is begun */
#define AF_NODE_RELOAD_WAIT_NS (10 * AF_S_NS) /* for handlers that wait, before a reload */
#define AF_NODE_RELOAD_ROUNDS                                                                      \
    4                        /* of trials while parties run: what moves all the time is paused     \
                              */
#define AF_NODE_RELOAD_FEW 8 /* that have moved: their trials are not felt */
#define AF_NODE_REQUEST_BYTES_MAX (1u << 20) /* of one request to a node's control socket */
#define AF_NODE_RULES_MAX 1000               /* of who may launch what … */
#define AF_NODE_RULES_BYTES_MAX 65536        /* … in a file of so many bytes */
#define AF_NODE_RULES_LOOK_NS AF_S_NS        /* between two looks at it */
#define AF_NODE_ASKS_MAX 256                 /* launches that wait for an operator … */
#define AF_NODE_ASKS_BYTES_MAX (8u << 20)    /* … what is told of all, … */
#define AF_NODE_ASK_BYTES_MAX (256u << 10)   /* … and of one … */
#define AF_NODE_ASKS_EACH 16                 /* … of one node that has them launched … */
#define AF_NODE_ASKS_AGE_NS (7 * 24 * 3600 * AF_S_NS) /* … and how long */
#define AF_NODE_ASKS_LOOK_NS (5 * AF_S_NS) /* between two looks whether a task has ended */
#define AF_NODE_VERDICT_NS (30 * AF_S_NS)  /* that the check of a flow may take, … */
#define AF_NODE_VERDICT_SEARCH_S 20        /* … its search, … */
#define AF_NODE_VERDICT_MIB 256            /* … what that may keep, … */
#define AF_NODE_VERDICT_ADDRESS_BYTES (INT64_C(2) << 30) /* … and the process */
#define AF_PARTY_BEHIND_MAX 1000 /* steps that wait for the disk, before the party waits too … */
#define AF_PARTY_BEHIND_BYTES_MAX (32u << 20) /* … or what they hold */
#define AF_PARTY_SEEN_MAX 500000              /* uuids remembered at least, for deduplication */
#define AF_PARTIES_MAX 2000000                /* of one simulated run */

/* Times. */
#define AF_TIME_MAX_S INT64_C(31536000) /* a year: any delay or deadline */
#define AF_TIME_MAX_NS (AF_TIME_MAX_S * AF_S_NS)
#define AF_SIM_STEPS_AT_ONE_INSTANT_MAX 1000000 /* a run that does not move is in a loop */
#define AF_SIM_STEPS_UNCHANGED_MAX                                                                 \
    1000000 /* without new data or an end, and 100 for each party                                  \
             */
#define AF_SIM_AFTER_FINDING_NS (3600 * AF_S_NS) /* that a run which has failed goes on */
#define AF_SIM_DRAWN_LINES_MAX 4000 /* of a failed run's trace that are kept to be drawn */
#define AF_SIM_FINDINGS_MAX 100     /* of a run that are told; the rest is counted */
#define AF_SIM_HEARD_MAX 256        /* parties of a run that are told who has not been heard of */
#define AF_SIM_DRAWN_AFTER 15       /* of them, behind the first finding */
#define AF_SCRIPT_LINES_MAX 64      /* that somebody who steps through a run waits for */
#define AF_PRINT_BYTES_MAX 65536    /* of a table that is printed; the rest is left out */
#define AF_PRINT_DEPTH_MAX 6
#define AF_NEW_NAME_BYTES_MAX 64                /* of a flow that `afrun new` makes */
#define AF_LATENCY_BUCKETS_MAX 64               /* of a link of a model of latencies … */
#define AF_LATENCY_LINKS_MAX 100000             /* … which has so many … */
#define AF_LATENCY_US_MAX INT64_C(86400000000)  /* … with bounds up to a day … */
#define AF_LATENCY_COUNT_MAX (INT64_C(1) << 40) /* … and of messages so many */
#define AF_BUS_LATENCIES_MAX 1000               /* senders of which a node notes them */
#define AF_LATENCY_FILE_BYTES_MAX (16u << 20)
#define AF_SIM_RATE_MAX (INT64_C(8) << 30) /* bytes a second */
#define AF_SIM_RUNS_MAX 100000000
#define AF_RUNS_FAILING_MAX 10000 /* of them that failed, whose seeds are told programs */
#define AF_SIM_WAYS_MAX 100       /* in which many runs failed, that are kept apart; … */
#define AF_SIM_WAYS_TOLD 10       /* … and listed for people */
#define AF_SIM_SCHEDULE_NS_MAX (100 * AF_TIME_MAX_NS) /* where a schedule's time ends */

/* Buses. */
#define AF_BUS_ID_BYTES_MAX 256 /* a node's, task's or role's name, a uuid, a title */
#define AF_BUS_TAKE_MAX 1000    /* contracts that one take hands out */
#define AF_BUS_CONTENT_BYTES_MAX                                                                   \
    (12u << 20) /* one contract: an answer that holds it fits JSON's                               \
                 */
#define AF_BUS_ITEM_BYTES_MAX                                                                      \
    (AF_JSON_BYTES_MAX - 65536)      /* one contract as JSON, with targets: as it is carried */
#define AF_BUS_TAKE_BYTES (4u << 20) /* of contracts as JSON that go together; or one alone */
#define AF_BUS_WINDOW 100            /* contracts that a party has not acknowledged */
#define AF_BUS_QUEUE_MAX 100000      /* contracts that wait for one node, task and channel */
#define AF_BUS_TASKS_MAX 100000      /* tasks of a store, ended ones too */
#define AF_BUS_MEMBERS_MAX 10000     /* nodes of a task */
#define AF_BUS_TARGETS_MAX 10000     /* nodes that one contract names */
#define AF_BUS_DEAD_MAX 1000 /* dead letters that are kept of a queue: then the oldest goes */
#define AF_BUS_HANDED_OUT_WARN                                                                     \
    20                              /* times that a contract is handed out before somebody is told \
                                     */
#define AF_BUS_POSTS_MAX 1000       /* contracts of one push */
#define AF_BUS_BROADCASTS_MAX 10000 /* of a task, that all of its nodes have acknowledged */
#define AF_BUS_UUIDS_MAX 1000000    /* of contracts that all have acknowledged, remembered … */
#define AF_BUS_UUID_AGE_S (7 * 86400)              /* … and no longer than this */
#define AF_BUS_FILES_AGE_S 86400                   /* that a file which no task names stays */
#define AF_BUS_MIN_FREE_BYTES (INT64_C(256) << 20) /* of its disk: a service warns below it */
#define AF_BUS_RESERVE_BYTES (INT64_C(16) << 20)   /* of its disk: it takes no more below it */
#define AF_BUS_WEIGH_S 10 /* between two looks at who has how much, while there is little room */
#define AF_BUS_VALUE_AGE_S (12 * 3600) /* that a value of the services is kept */
#define AF_BUS_REVOKED_MAX 100000      /* tokens that are revoked: a stream's names in an answer */
#define AF_BUS_WAIT_MAX_S 60           /* that an answer is held */
#define AF_BUS_LEASE_MAX_S 3600
#define AF_BUS_VANISHED_NS (2 * AF_S_NS) /* that a holder whose wait broke off has to come back */
#define AF_BUS_LINGER_NS (5 * AF_MS_NS)  /* that a commit which nobody waits for waits for more */
#define AF_BUS_HELD_LOOK_NS (200 * AF_MS_NS) /* between two looks whether another holder lives */
#define AF_BUS_HELD_TELL_NS (3 * AF_S_NS)    /* after which who waits for it is told */

/* The HTTP bus. */
#define AF_BUS_HTTP_CALL_NS (30 * AF_S_NS)        /* an answer, besides what it may be held */
#define AF_BUS_HTTP_ATTEMPTS 8                    /* of what may be tried again inside of a call */
#define AF_BUS_HTTP_POLL_FIRST_NS (50 * AF_MS_NS) /* between two pops, doubled while idle … */
#define AF_BUS_HTTP_POLL_LAST_NS AF_S_NS          /* … up to what the platform's client does */
#define AF_BUS_HTTP_BASS_BYTES_MAX (1 << 20)      /* an answer of the task manager */
#define AF_BUS_HTTP_TOKEN_BYTES_MAX 8192          /* its token goes into a header */
#define AF_BUS_HTTP_COOKIES_MAX 20

/* NATS. */
#define AF_NATS_SERVERS_MAX 32
#define AF_NATS_REFUSALS_MAX 8  /* words of a server on what it does not permit: the last ones */
#define AF_NATS_CONNECT_MS 2000 /* to connect to one server, and to send to it */
#define AF_NATS_PING_MS 5000    /* two that are not answered: it is away */
#define AF_NATS_PENDING_BYTES_MAX (256 << 20) /* that came and were not looked at */
#define AF_NATS_ASK_NS (5 * AF_S_NS)          /* an answer */
#define AF_NATS_CLOSE_NS (AF_S_NS / 2)        /* the same, while the bus is closed */
#define AF_NATS_CALL_NS (10 * AF_S_NS)        /* a call, but for what it waits */
#define AF_NATS_REPEATED_NS (60 * AF_S_NS)    /* that a call which may be repeated is … */
#define AF_NATS_REPEAT_NS (AF_S_NS / 2)       /* … so often */
#define AF_NATS_QUIET_NS (AF_S_NS / 2)        /* that nobody is asked who has not answered */
#define AF_NATS_LOOK_NS AF_S_NS               /* between two looks at the connection */
#define AF_NATS_GATHER_NS (20 * AF_MS_NS)     /* that a take waits for what is on its way */
#define AF_NATS_ACK_NS (60 * AF_S_NS)         /* in which a contract is acknowledged, or renewed */
#define AF_NATS_PLAIN_NS (5 * AF_S_NS)        /* that what a front hands out unleased is its own */
#define AF_NATS_TIMES_MAX 3    /* that a contract is sent which a server says to have had */
#define AF_NATS_GENERATIONS 10 /* names of a node's consumers, which permissions must list */
#define AF_NATS_TWICE_S 600    /* that the server knows what it has taken */

/* Sidecars: what is kept for a service that is away. */
#define AF_SIDECAR_CONTRACTS_MAX 100000 /* in the outbox: a task may have a quarter of … */
#define AF_SIDECAR_BYTES_MAX (INT64_C(1) << 30) /* … these, and of their bytes */
#define AF_SIDECAR_SHARES 4
#define AF_SIDECAR_TASKS_MAX 1000                      /* that have something in it */
#define AF_SIDECAR_DEAD_MAX 10000                      /* dead letters that are kept … */
#define AF_SIDECAR_DEAD_BYTES_MAX (INT64_C(256) << 20) /* … and their bytes: the oldest go */
#define AF_SIDECAR_QUEUES_MAX 1000                     /* idle ones that are remembered */
#define AF_SIDECAR_PASS_NS (5 * AF_S_NS)   /* that a client waits for the hub, not for the outbox */
#define AF_SIDECAR_MEMBERS_NS AF_S_NS      /* the same, where the node list is known */
#define AF_SIDECAR_LEASE_NS (60 * AF_S_NS) /* of what plain clients are being given */
#define AF_BUS_FETCHED_BYTES_MAX                                                                   \
    (2 * AF_BUS_FILE_BYTES_MAX) /* of fetched files: the oldest go                                 \
                                 */

/* Links: how a party waits for its bus. */
#define AF_LINK_POSTS_MAX 64                    /* contracts of one push */
#define AF_LINK_LEASE_NS (15 * AF_S_NS)         /* a party that was killed is missed so long */
#define AF_LINK_WAIT_NS (30 * AF_S_NS)          /* that one take waits */
#define AF_LINK_RETRY_FIRST_NS (100 * AF_MS_NS) /* doubled at each failure … */
#define AF_LINK_RETRY_LAST_NS (5 * AF_S_NS)     /* … up to this */
#define AF_LINK_KEPT_LOOK_NS (AF_S_NS / 2)      /* between two looks at what is kept, confirmed */
#define AF_LINK_LEAVE_NS (3 * AF_S_NS)          /* that leaving waits for the bus */
#define AF_LINK_UNSENT_BYTES_MAX (64u << 20)    /* not confirmed by the bus; its party waits then */
/* HTTP, as a service. */
#define AF_HTTP_CONNECTIONS_MAX 12000        /* 10,000 parked polls, and room to serve */
#define AF_HTTP_CONNECTIONS_SPARE 200        /* left when waiting ones begin to be closed */
#define AF_HTTP_CONNECTION_BYTES (16u << 10) /* of each: its headers must fit */
#define AF_HTTP_HEADERS_S 30                 /* for a connection's first request */
#define AF_HTTP_IDLE_S 75                    /* between two requests, or two packets */
#define AF_HTTP_BODY_WINDOW_S 30             /* in each such time a body must bring … */
#define AF_HTTP_BODY_RATE_MIN 1024           /* … so many bytes a second */
#define AF_HTTP_BODIES_BYTES_MAX (INT64_C(256) << 20) /* all bodies that are in memory */
#define AF_AUDIT_LINE_MAX (64 << 10)                  /* of an audit log */
#define AF_AUDIT_BYTES_MAX (INT64_C(64) << 20)        /* then it goes on in a new file */
#define AF_AUDIT_LOCK_MS 1000                         /* who holds its lock longer, writes it */
#define AF_AUDIT_LOCK_AGAIN_MS 10
#define AF_AUDIT_RESERVE_BYTES (INT64_C(1) << 20)      /* of its disk, for what is to be logged */
#define AF_HTTP_UPLOAD_SPARE_BYTES (INT64_C(32) << 20) /* that files leave free on their disk */
#define AF_HTTP_DISCARD_BYTES_MAX (1 << 20)      /* of a refused body, so that the answer arrives */
#define AF_BUS_FILE_BYTES_MAX (INT64_C(8) << 30) /* a file: models of some GB */
#define AF_HTTP_DRAIN_S 10                       /* to end what is being answered */

/* The service. */
#define AF_STUDIO_CONNECTIONS_MAX 64             /* a browser has six to a host */
#define AF_STUDIO_WORK_MAX 8                     /* commands that the studio runs at a time, … */
#define AF_STUDIO_WORK_NS (600 * AF_S_NS)        /* … each no longer */
#define AF_STUDIO_CHECK_NS (24 * 3600 * AF_S_NS) /* … but a check, which says how far it is */
#define AF_STUDIO_BODY_BYTES_MAX (256u << 20)    /* of a trace that is shown */
#define AF_STUDIO_ANSWER_BYTES_MAX (256u << 20)  /* of what is shown of it */
#define AF_STUDIO_READY_NS (50 * AF_MS_NS)       /* from an answer to the next processes */
#define AF_STUDIO_POLL_NS (25 * AF_S_NS)         /* that a page waits to hear of a save */
#define AF_SERVE_TOKENS_MAX 100000               /* lines of a tokens file */
#define AF_SERVE_TOKENS_BYTES_MAX (64u << 20)    /* the file */
#define AF_SERVE_PARKED_MAX 10000 /* polls that are held; more are answered at once */
#define AF_SERVE_ANSWERS_BYTES_MAX (INT64_C(256) << 20) /* not yet read by who asked */
#define AF_SERVE_HOLD_MAX_NS AF_S_NS                    /* that a plain poll may be held */
#define AF_SERVE_REFUSALS_MAX 256           /* kinds of refusals that are counted at a time */
#define AF_SERVE_REFUSALS_NS (60 * AF_S_NS) /* … and how long, before they are one entry */
#define AF_SERVE_LOOK_NS AF_S_NS            /* between two looks at the files of tokens */
#define AF_SERVE_REVOKED_NS (5 * AF_S_NS)   /* that a front which starts asks what is revoked */
#define AF_SERVE_GUESS_MAX_NS AF_S_NS       /* that a wrong token is answered later, at most … */
#define AF_SERVE_GUESSES_MAX 40 /* … after so many of one address, or for one name … */
#define AF_SERVE_GUESS_FORGET_NS (2 * AF_S_NS) /* … of which each is forgotten after this */
#define AF_SERVE_GUESS_PLACES 1024             /* in which they are counted */
#define AF_SERVE_SESSIONS_MAX 1000             /* logins to the task manager */
#define AF_SERVE_UI_AUDIT_BYTES (48u << 10)    /* of the end of the audit log, for a page */
#define AF_SERVE_SIGHT_ROWS 2048               /* of a task that a page looks at, are kept … */
#define AF_SERVE_SIGHTS_MAX 4                  /* … of so many tasks … */
#define AF_SERVE_SIGHT_NS (20 * AF_S_NS)       /* … until nobody has asked for so long */
#define AF_SERVE_SIGHT_TARGETS 8               /* of a contract, are named */
#define AF_SERVE_STREAMS_MAX 64                /* pages that follow what is going on, … */
#define AF_SERVE_EVENTS_NS (500 * AF_MS_NS)    /* … told what passes so often, … */
#define AF_SERVE_EVENTS_BEATS 4                /* … and how all is each so many times */
#define AF_EVENTS_QUIET_NS (15 * AF_S_NS)      /* that a stream says nothing at all */
#define AF_CTL_EVENTS_NS AF_S_NS               /* between two looks at a node, for its page … */
#define AF_CTL_EVENTS_MAX 16                   /* … of which so many follow it */
#define AF_SERVE_SESSION_S (12 * 3600)         /* that a login lasts */
#define AF_SERVE_REQUESTS_MAX 2000             /* of a node in a second */
#define AF_SERVE_BUNDLES_MAX 1000              /* bundles of a node, kept for launches … */
#define AF_SERVE_BUNDLES_BYTES_MAX (INT64_C(1) << 30) /* … and their bytes */
#define AF_SERVE_FILES_BYTES_MAX (INT64_C(1) << 40)   /* of a task's files */
#define AF_SERVE_LAUNCH_BYTES 65536                   /* a bundle that describes one of ours */
#define AF_SERVE_NAMES_MAX 16
#define AF_SERVE_NODES_MAX 10000      /* nodes that are remembered; more share what is left */
#define AF_SERVE_LOGIN_BYTES_MAX 4096 /* a body from who is not known yet */
#define AF_SERVE_TEXT_BYTES_MAX 8192  /* a cause, a URL, a path */
#define AF_SERVE_ERRORS_MAX 20        /* told of one request */

/* Worker processes, each of which runs the tasks of one flow file. */
#define AF_WORKER_HANG_NS (10 * AF_S_NS)            /* at one delivery: it is killed */
#define AF_WORKER_RESTART_FIRST_NS (100 * AF_MS_NS) /* before a new one, doubled … */
#define AF_WORKER_RESTART_LAST_NS (30 * AF_S_NS)    /* … up to this, until a delivery succeeds */
#define AF_WORKER_WINDOW 256                        /* deliveries it was sent and has not ended */
#define AF_WORKER_OUT_BYTES (4u << 20)        /* not yet read by it; more deliveries wait then */
#define AF_WORKER_READ_BYTES (256u << 10)     /* of one read from it */
#define AF_WORKER_READS 16                    /* before other descriptors have their turn */
#define AF_WORKER_INLINE_BYTES (64u << 10)    /* of a message; a larger one crosses as a memfd */
#define AF_WORKER_BODY_BYTES_MAX (128u << 20) /* a message: twice what a delivery may add */
#define AF_WORKER_FDS_MAX 4                   /* memfds that came before their messages */
#define AF_WORKER_FILES_MAX 1000              /* files of one flow … */
#define AF_WORKER_FILES_BYTES_MAX (64u << 20) /* … and their bytes */
#define AF_WORKER_TASKS_MAX 1000000           /* scripts, and parties, of one process */
#define AF_WORKER_MEMBERS_MAX 1000000
#define AF_WORKER_ROLES_MAX 1000
#define AF_WORKER_STATES_MAX 10000           /* of a role */
#define AF_WORKER_EVENTS_MAX 10000           /* of a flow */
#define AF_WORKER_FLOW_BYTES_MAX (64u << 20) /* what a flow takes here */
#define AF_WORKER_DEADLINES_MAX 10000        /* that a state names */
#define AF_WORKER_LINES_MAX 10000            /* to people, between two deliveries that it ends */
#define AF_WORKER_CALLS_MAX                                                                        \
    (AF_STEP_LOGS_MAX + 1)     /* of a step: its lines, and the one that it waits for */
#define AF_WORKER_IDLE_CPU_S 3 /* that it computes without a delivery, at most */
#define AF_WORKER_ADDRESS_BYTES (INT64_C(8) << 30) /* the process */
#define AF_WORKER_STATE_BYTES (256u << 20)         /* one task's state in it … */
#define AF_WORKER_ALONE_BYTES (INT64_C(4) << 30)   /* … or the only one's, of `afrun run` */
#define AF_WORKER_MEMORY_BYTES (INT64_C(4) << 30)  /* … in all, where a cgroup counts it */
#define AF_LIVE_HANG_NS (600 * AF_S_NS) /* that one of `afrun run` may be at a delivery */
#define AF_WORKER_DESCRIPTORS 16        /* open in it */

/* Bundles: what a node takes as one flow. Its files are as many as a worker's, with the manifest
 * and its signature. */
#define AF_BUNDLE_FILES_MAX (AF_WORKER_FILES_MAX - 2)
#define AF_BUNDLE_BYTES_MAX (AF_WORKER_FILES_BYTES_MAX + (2u << 20)) /* of the tar */
#define AF_BUNDLE_MANIFEST_BYTES_MAX (1u << 20)
#define AF_BUNDLE_NAME_BYTES_MAX 100 /* of a file in it: what a header of ustar has room for */
#define AF_BUNDLE_VERSION_MAX (INT64_C(1) << 53)
#define AF_BUNDLE_GRANTS_MAX 100 /* that it wants, of a kind … */
#define AF_BUNDLE_GRANT_BYTES_MAX 1024
#define AF_CODE_WATCHED_MAX 1000 /* folders that are watched for changes of flows … */
#define AF_CODE_LINKS_MAX 40     /* … links that a path goes by … */
#define AF_CODE_LEVELS_MAX 8     /* … and folders within folders */

/* What scrypt may take for the password of an author's key; minisign takes half of both. */
#define AF_SIGN_OPERATIONS_MAX (UINT64_C(1) << 26)
#define AF_SIGN_MEMORY_BYTES_MAX (UINT64_C(2) << 30)

/* Files kept by a mock run. */
#define AF_FILE_BYTES_MAX (INT64_C(1) << 30)

/* Programs that scripts run. */
#define AF_PROCESS_OUTPUT_BYTES_MAX (32u << 20) /* a stream: half of what a delivery may add */
#define AF_PROCESS_TIME_S 3600                  /* unless the script gives a timeout */

/* A config file. */
#define AF_CONFIG_BYTES_MAX 65536 /* eight lines, and comments */

/* Large files that are written beside their caller: see base/writer.h. */
#define AF_WRITER_ALONE_BYTES (1 << 20)   /* less than that is done by its caller */
#define AF_WRITER_PIECE_BYTES (256 << 10) /* two each */
#define AF_WRITER_THREADS_MAX 4           /* at a time: more have no processor either */

/* HTTP. */
#define AF_HTTP_URL_BYTES_MAX 8192       /* what servers take */
#define AF_HTTP_HEADER_BYTES_MAX 65536   /* of an answer: names and values are short */
#define AF_HTTP_ERROR_BYTES_MAX 65536    /* of an answer that is no 2xx: it is only looked at */
#define AF_HTTP_ATTEMPTS_MAX 10          /* of one request */
#define AF_HTTP_REDIRECTS_MAX 5          /* of one request */
#define AF_HTTP_PIECE_BYTES (512L << 10) /* of a file, up or down */
#define AF_HTTP_CONNECT_S 10             /* a connection takes no longer */
#define AF_HTTP_STALL_S 60               /* without a byte: it is dead */
#define AF_HTTP_PAUSE_MIN_NS (200 * AF_MS_NS) /* before a second attempt, then twice as long … */
#define AF_HTTP_PAUSE_MAX_NS (10 * AF_S_NS)   /* … up to this */
#define AF_HTTP_RETRY_AFTER_MAX_S 60          /* as far as a server may put us off */
#define AF_HTTP_PROGRESS_NS (100 * AF_MS_NS)  /* between two tellings: enough for an eye */

/* Traces that are read: a line holds one event with its content, and party data. */
#define AF_TRACE_LINE_BYTES_MAX (64u << 20)
#define AF_SCHEDULE_STEPS_MAX 100000 /* of a run that a trace tells: its header is one line */

/* Columns of a chart: beneath, nothing can be read; beyond, no terminal is so wide. */
#define AF_CHART_COLUMNS_MIN 40
#define AF_CHART_COLUMNS_MAX 1000

/* Calls and views of other orders of names than those of the search that a check tries in any case;
 * all of them may be as many as parties have orders. */
#define AF_CHECK_EXCHANGES_MIN 20000

/* Copies of one contract on their way, or deferred, beyond which a check takes it that they grow
 * without end. */
#define AF_CHECK_COPIES_MAX 8

/* States that are looked at for shorter runs than those that a search has come by. */
#define AF_CHECK_SHORTER_MAX 1000000

/* States that are looked at for the same violation with a fault less, and of how many a check's
 * answer says what they need. */
#define AF_CHECK_NEEDS_STATES 20000
#define AF_CHECK_NEEDS_MAX 5

#endif
