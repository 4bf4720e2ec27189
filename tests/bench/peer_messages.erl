%% peer_messages:main([PARTIES, ROUNDS]): the ring of floor_messages.c in Erlang: each party is a process, each message goes through
%% term_to_binary() and binary_to_term(). Nothing is put in order by a time of arrival.
-module(peer_messages).
-export([main/1]).

main([Parties, Rounds]) ->
    Count = list_to_integer(Parties),
    Me = self(),
    All = [spawn_link(fun() -> party(Me, list_to_integer(Rounds)) end) || _ <- lists:seq(1, Count)],
    [First | Others] = All,
    [Party ! {next, Next} || {Party, Next} <- lists:zip(All, Others ++ [First])],
    Delivered = lists:sum([receive {done, Party, Each} -> Each end || Party <- All]),
    io:format("~b messages~n", [Delivered]).

party(Whom, Rounds) ->
    receive {next, Next} -> ok end,
    send_on(Next, 1),
    Whom ! {done, self(), take(Next, Rounds, 0)}.

send_on(Next, Round) ->
    Next ! term_to_binary(#{type => sync, aggregator => <<"d54a3af2-83e2-4da6-bc8d-2dc03634612c">>, current_round => Round,
                            participants => [<<"6c8c2a1e-2a4e-4c9f-9a0e-0d6f6f1e0a11">>, <<"0b8f7b2a-7a8e-4f8e-8f64-2d1d5b1c4e22">>,
                                             <<"f2a9d3c4-5e6f-4a7b-8c9d-0e1f2a3b4c33">>]}).

take(Next, Rounds, Taken) ->
    receive
        Content ->
            #{type := sync, aggregator := <<"d54a3af2-83e2-4da6-bc8d-2dc03634612c">>, current_round := Round,
              participants := [_, _, _]} = binary_to_term(Content),
            if
                Round < Rounds -> send_on(Next, Round + 1), take(Next, Rounds, Taken + 1);
                true -> Taken + 1
            end
    end.
