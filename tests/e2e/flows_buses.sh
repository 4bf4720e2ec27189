# Each flow over each bus comes to the same. (Those of flows/protocols: protocols_buses.sh.)
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 15
source "$ROOT/tests/lib/serve.sh"
source "$ROOT/tests/lib/nats.sh"
need_nats
source "$ROOT/tests/lib/over_buses.sh"
over sync_state 'initiator=initiator-1;participant=participant-1,participant-2' same
over model_exchange 'aggregator=aggregator-1;client=client-1,client-2' same rounds=2
over fed_avg 'aggregator=aggregator-1;participant=participant-1,participant-2' same rounds=2 linger=0.1
over async_avg 'aggregator=aggregator-1;participant=participant-1,participant-2' same buffer=2 folds=2 steps=2 linger=0.1
over swarm 'peer=peer-1,peer-2,peer-3' same rounds=2 steps=2 linger=0.1
over secure_aggregation 'server=server-1;client=client-1,client-2,client-3' same size=4
over psi 'initiator=initiator-1;collaborator=collaborator-1,collaborator-2' same size=6
over hetero_round 'host=host-1;collaborator=collaborator-1,collaborator-2' named
over fed_stats 'analyst=analyst-1;site=site-1,site-2,site-3' drawn
over hist_boost 'aggregator=aggregator-1;party=party-1,party-2' same
over cross_site_eval 'coordinator=coordinator-1;site=site-1,site-2' same
over cyclic 'coordinator=coordinator-1;trainer=trainer-1,trainer-2' same
over beacon 'coordinator=coordinator-1;peer=peer-1,peer-2,peer-3' drawn
over dkg 'coordinator=coordinator-1;peer=peer-1,peer-2,peer-3' drawn
