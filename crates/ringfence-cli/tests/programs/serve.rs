//! Daemons under `service`: redis-server and nginx, with their clients inside.

use crate::harness::both;
use crate::harness::ground::{Ground, Who};

const SERVICE: &str = "--policy builtin:service";

/// Waits for a client to be answered, ten seconds at most.
const SOON: &str =
    "soon() { for n in $(seq 60); do \"$@\" >/dev/null 2>&1 && return; sleep 0.05; done; \"$@\"; }";

const UNIX: &str = "redis-server --port 0 --unixsocket $PWD/redis.sock --save '' --daemonize no >unix.log &
    soon redis-cli -s redis.sock ping; redis-cli -s redis.sock set word hello
    redis-cli -s redis.sock get word; redis-cli -s redis.sock save; test -s dump.rdb
    redis-cli -s redis.sock shutdown nosave; wait";
const TCP: &str = "redis-server --port 7777 --bind 127.0.0.1 --save '' >tcp.log || { cat tcp.log; exit 1; } &
    soon redis-cli -p 7777 ping; redis-cli -p 7777 incrby n 42; redis-cli -p 7777 shutdown nosave; wait";

/// nginx as root would become another user, whom a single id map does not have.
const CONFIGURATION: &str = "daemon off; user USER; pid nginx.pid; error_log stderr;
    events { }
    http {
        access_log off;
        client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp;
        scgi_temp_path tmp;
        server { listen 127.0.0.1:8080; root site; }
    }
";
const TEST: &str = "nginx -e stderr -p $PWD -c nginx.conf -t";
const FETCH: &str = "nginx -e stderr -p $PWD -c nginx.conf & server=$!
    soon curl -sS http://127.0.0.1:8080/page.txt; curl -sS http://127.0.0.1:8080/page.txt
    kill -QUIT $server; wait $server";

fn with(stage: &str) -> String {
    format!("{SOON}\n{stage}")
}

fn site(ground: &Ground) -> bool {
    if !ground.has(&["nginx", "curl"]) {
        return false;
    }
    let user = if ground.who == Who::Root { "user root;" } else { "" };
    ground.directory("home/work/site");
    ground.file("home/work/site/page.txt", "served inside\n");
    ground.file("home/work/nginx.conf", &CONFIGURATION.replace("user USER;", user));
    true
}

both! {
    fn redis_answers_on_a_unix_socket_and_on_loopback(ground: &Ground) {
        if ground.has(&["redis-server", "redis-cli"]) {
            let before = ground.picture();
            let done = ground.stages(SERVICE, &[("unix", &with(UNIX)), ("tcp", &with(TCP))]);
            done.pass().prints("OK\nhello\n").prints("==> tcp\n42\n");
            std::fs::remove_file(ground.work().join("dump.rdb")).unwrap();
            std::fs::remove_file(ground.work().join("unix.log")).unwrap();
            std::fs::remove_file(ground.work().join("tcp.log")).unwrap();
            ground.nothing_left(&before);
        }
    }

    fn without_bind_redis_has_only_its_unix_socket(ground: &Ground) {
        if ground.has(&["redis-server", "redis-cli"]) {
            let flags = "--policy builtin:service --net-bind=";
            let done = ground.stages(flags, &[("unix", &with(UNIX)), ("tcp", &with(TCP))]);
            done.fail_at("tcp", "bind: Permission denied");
        }
    }

    fn without_loopback_redis_has_no_address(ground: &Ground) {
        if ground.has(&["redis-server", "redis-cli"]) {
            let flags = "--policy builtin:offline --fs-write=. --net-unix=. \
                         --degrade-allow=landlock.resolve-unix";
            let done = ground.stages(flags, &[("unix", &with(UNIX)), ("tcp", &with(TCP))]);
            done.fail_at("tcp", "Could not connect to Redis at 127.0.0.1:7777");
        }
    }

    fn nginx_serves_a_file_on_loopback(ground: &Ground) {
        if site(ground) {
            let done = ground.stages(SERVICE, &[("test", TEST), ("fetch", &with(FETCH))]);
            done.pass().prints("served inside\n");
        }
    }

    /// With a range of ids its workers are another user's, as they are outside.
    fn nginx_of_a_container_has_workers_of_another_user(ground: &Ground) {
        if !site(ground) || !ground.has(&["ps"]) {
            return;
        }
        if ground.who == Who::User {
            // Its own id is root inside, and whether there are others depends on subuid(5).
            return;
        }
        ground.file("home/work/nginx.conf", &CONFIGURATION.replace("user USER;", "user www-data;"));
        let fetch = FETCH.replace("kill -QUIT", "ps -eo user:32,args | grep 'nginx: worker'; kill -QUIT");
        let done = ground.stages("--policy builtin:container", &[("fetch", &with(&fetch))]);
        done.pass().prints("served inside\n").prints("www-data");
        // One id: there is nobody to become.
        let refused = ground.stages(SERVICE, &[("fetch", &with(&fetch))]);
        refused.fail_at("fetch", "chown(");
    }

    fn without_connect_nginx_serves_nobody(ground: &Ground) {
        if site(ground) {
            let flags = "--policy builtin:service --net-connect=";
            let done = ground.stages(flags, &[("test", TEST), ("fetch", &with(FETCH))]);
            done.fail_at("fetch", "Failed to connect to 127.0.0.1 port 8080");
        }
    }

    fn without_bind_nginx_cannot_listen(ground: &Ground) {
        if site(ground) {
            let flags = "--policy builtin:service --net-bind= --net-bind=tcp:8081";
            let listen = "nginx -e stderr -p $PWD -c nginx.conf";
            let done = ground.stages(flags, &[("look", "nginx -V"), ("listen", listen)]);
            done.fail_at("listen", "bind() to 127.0.0.1:8080 failed (13: Permission denied)");
        }
    }
}
