/* handshake.pml: handshake.lua for SPIN. What is on its way to the initiator is a bag: it is kept
 * sorted, and whichever of it may be received next. */
#define N 7

mtype = { query, response };
chan to_initiator = [2 * N] of { mtype, byte };
chan sync[N] = [1] of { bit };
byte responded = 0;

#define TAKE(k)                                                                                    \
    :: to_initiator ?? query, k -> sync[k] ! 1                                                     \
    :: to_initiator ?? response, k -> responded++

active proctype initiator()
{
    do
    :: responded == N -> break
    TAKE(0)
    TAKE(1)
    TAKE(2)
    TAKE(3)
    TAKE(4)
    TAKE(5)
    TAKE(6)
    od;
    assert(responded == N)
}

proctype participant(byte id)
{
    to_initiator !! query, id;
    sync[id] ? 1;
    to_initiator !! response, id
}

init
{
    byte k = 0;
    atomic {
        do
        :: k < N -> run participant(k); k++
        :: else -> break
        od
    }
}
