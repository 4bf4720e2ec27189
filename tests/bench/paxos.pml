/* paxos.pml: flows/protocols/paxos.lua for SPIN, with a quorum of one, which is too small. What is on its
 * way is a bag, from which whichever of it may be received next: of each kind, ballot and acceptor there
 * is at most one. A step of a party is one step, as there. */
#define QUORUM 1

mtype = { prepare, accept, promise, accepted, refused };
chan to_acceptor[3] = [4] of { mtype, byte, byte };       /* kind, ballot, value */
chan to_proposer[2] = [9] of { mtype, byte, byte, byte }; /* kind, acceptor, taken, value */
byte chosen = 0;

#define PROMISED(k)                                                                                \
    :: d_step {                                                                                    \
           to_proposer[me] ?? promise, k, taken, with ->                                           \
           if                                                                                      \
           :: state == 0 ->                                                                        \
              answers++;                                                                           \
              if                                                                                   \
              :: taken > highest -> highest = taken; value = with                                  \
              :: else                                                                              \
              fi;                                                                                  \
              if                                                                                   \
              :: answers == QUORUM ->                                                              \
                 state = 1;                                                                        \
                 answers = 0;                                                                      \
                 to_acceptor[0] !! accept, me + 1, value;                                          \
                 to_acceptor[1] !! accept, me + 1, value;                                          \
                 to_acceptor[2] !! accept, me + 1, value                                           \
              :: else                                                                              \
              fi                                                                                   \
           :: else                                                                                 \
           fi;                                                                                     \
           taken = 0;                                                                              \
           with = 0                                                                                \
       }

#define TAKEN(k)                                                                                   \
    :: d_step {                                                                                    \
           to_proposer[me] ?? accepted, k, taken, with ->                                          \
           if                                                                                      \
           :: state == 1 ->                                                                        \
              answers++;                                                                           \
              if                                                                                   \
              :: answers == QUORUM ->                                                              \
                 state = 2;                                                                        \
                 assert(chosen == 0 || chosen == value);                                           \
                 chosen = value                                                                    \
              :: else                                                                              \
              fi                                                                                   \
           :: else                                                                                 \
           fi                                                                                      \
       }

#define REFUSED(k)                                                                                 \
    :: d_step {                                                                                    \
           to_proposer[me] ?? refused, k, taken, with ->                                           \
           if                                                                                      \
           :: state < 2 -> state = 3                                                               \
           :: else                                                                                 \
           fi                                                                                      \
       }

active [2] proctype proposer()
{
    byte me = _pid, state = 0, answers = 0, highest = 0, value = _pid + 1, taken = 0, with = 0;
    d_step {
        to_acceptor[0] !! prepare, me + 1, 0;
        to_acceptor[1] !! prepare, me + 1, 0;
        to_acceptor[2] !! prepare, me + 1, 0
    }
    do
    PROMISED(0)
    PROMISED(1)
    PROMISED(2)
    TAKEN(0)
    TAKEN(1)
    TAKEN(2)
    REFUSED(0)
    REFUSED(1)
    REFUSED(2)
    od
}

#define PREPARE(b)                                                                                 \
    :: d_step {                                                                                    \
           to_acceptor[me] ?? prepare, b, value ->                                                 \
           if                                                                                      \
           :: b <= promised -> to_proposer[b - 1] !! refused, me, 0, 0                             \
           :: else ->                                                                              \
              promised = b;                                                                        \
              to_proposer[b - 1] !! promise, me, taken, with                                       \
           fi;                                                                                     \
           value = 0                                                                               \
       }

#define ACCEPT(b)                                                                                  \
    :: d_step {                                                                                    \
           to_acceptor[me] ?? accept, b, value ->                                                  \
           if                                                                                      \
           :: b < promised -> to_proposer[b - 1] !! refused, me, 0, 0                              \
           :: else ->                                                                              \
              promised = b;                                                                        \
              taken = b;                                                                           \
              with = value;                                                                        \
              to_proposer[b - 1] !! accepted, me, 0, 0                                             \
           fi;                                                                                     \
           value = 0                                                                               \
       }

active [3] proctype acceptor()
{
    byte me = _pid - 2, promised = 0, taken = 0, with = 0, value = 0;
    do
    PREPARE(1)
    PREPARE(2)
    ACCEPT(1)
    ACCEPT(2)
    od
}
