#!/usr/bin/env escript
%% Crossbar's side of Kazoo's API in Erlang, with RabbitMQ's own amqp_client, as a Kazoo node has it.
%%
%%   crossbar.escript AMQP_URL EVENT [KEY=VALUE ...] [-- EVENT [KEY=VALUE ...]] ...
%%
%% Sends one request after another; prints each reply's JSON on a line of its own.
-mode(compile).

main([Url | Words]) ->
    {ok, Params} = amqp_uri:parse(Url),
    {ok, Connection} = amqp_connection:start(Params),
    {ok, Channel} = amqp_connection:open_channel(Connection),
    [declare(Channel, Exchange, Type)
     || {Exchange, Type} <- [{<<"tasks">>, <<"topic">>}, {<<"targeted">>, <<"direct">>}]],
    Queue = iolist_to_binary(
              ["kazoo_apps@h1.example.com-kz_amqp_worker-", pid_to_list(self()), "-",
               integer_to_list(erlang:unique_integer([positive]) + 16#10000000, 16)]),
    Arguments = [{<<"x-max-length">>, short, 100}, {<<"x-message-ttl">>, signedint, 60000}],
    {'queue.declare_ok', Queue, _, _} =
        amqp_channel:call(
          Channel, {'queue.declare', 0, Queue, false, false, false, true, false, Arguments}),
    {'queue.bind_ok'} =
        amqp_channel:call(Channel, {'queue.bind', 0, Queue, <<"targeted">>, Queue, false, []}),
    Consume = {'basic.consume', 0, Queue, <<>>, false, true, true, false, []},
    {'basic.consume_ok', _} = amqp_channel:subscribe(Channel, Consume, self()),
    receive {'basic.consume_ok', _} -> ok end,
    [request(Channel, Queue, Request) || Request <- split(Words)],
    amqp_connection:close(Connection).

declare(Channel, Exchange, Type) ->
    {'exchange.declare_ok'} =
        amqp_channel:call(
          Channel,
          {'exchange.declare', 0, Exchange, Type, false, false, false, false, false, []}).

request(Channel, Queue, [Event | Pairs]) ->
    MsgId = <<<<(hex(N))>> || <<N:4>> <= crypto:strong_rand_bytes(8)>>,
    Keys = [list_to_tuple([list_to_binary(Part) || Part <- string:split(Pair, "=")])
            || Pair <- Pairs],
    Common = [{<<"Event-Category">>, <<"tasks">>},
              {<<"Event-Name">>, list_to_binary(Event ++ "_req")},
              {<<"App-Name">>, <<"crossbar">>}, {<<"App-Version">>, <<"4.0.0">>},
              {<<"Msg-ID">>, MsgId}, {<<"Server-ID">>, Queue},
              {<<"Node">>, <<"kazoo_apps@h1.example.com">>}],
    %% Gregorian microseconds, as kz_time:now_us() gives them.
    Now = os:system_time(microsecond) + 62167219200 * 1000000,
    Properties = {'P_basic', <<"application/json">>, undefined, undefined, undefined, undefined,
                  undefined, undefined, undefined, undefined, Now, undefined, undefined, undefined,
                  undefined},
    Publish = {'basic.publish', 0, <<"tasks">>, list_to_binary("tasks." ++ Event), false, false},
    ok = amqp_channel:call(
           Channel, Publish, {amqp_msg, Properties, jsx:encode(Common ++ Keys)}),
    receive
        {{'basic.deliver', _, _, _, _, Queue}, {amqp_msg, Answered, Body}} ->
            <<"application/json">> = element(2, Answered),
            Reply = jsx:decode(Body, [return_maps]),
            MsgId = maps:get(<<"Msg-ID">>, Reply),
            io:format("~s~n", [Body])
    after 2000 ->
            io:format("timeout~n")
    end.

hex(N) when N < 10 -> $0 + N;
hex(N) -> $a + N - 10.

split(Words) ->
    case lists:splitwith(fun(Word) -> Word =/= "--" end, Words) of
        {Request, ["--" | Rest]} -> [Request | split(Rest)];
        {Request, []} -> [Request]
    end.
