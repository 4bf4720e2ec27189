# Each flow of flows/protocols over each bus comes to the same.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 8
source "$ROOT/tests/lib/serve.sh"
source "$ROOT/tests/lib/nats.sh"
need_nats
source "$ROOT/tests/lib/over_buses.sh"
over handshake 'initiator=initiator-1;participant=participant-1,participant-2' same
over training_round 'aggregator=aggregator-1;participant=participant-1,participant-2' same
over ring_election 'node=node-1,node-2,node-3' same
over two_phase_commit 'coordinator=coordinator-1;participant=participant-1,participant-2' resting
over alternating_bit 'sender=sender-1;receiver=receiver-1' resting items=5
over paxos 'proposer=proposer-1;acceptor=acceptor-1,acceptor-2,acceptor-3' resting
over mutual_exclusion 'node=node-1,node-2,node-3' resting turns=2
