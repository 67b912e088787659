//! The resolver against a DNS server on loopback, and what binds a name to an address.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

use super::testing::DnsServer;
use super::*;

struct World {
    dns: DnsServer,
    names: Names,
    folder: TempDir,
    marked: Arc<AtomicUsize>,
}

impl World {
    async fn new() -> Self {
        Self::with(Settings::default(), "").await
    }

    /// With a `resolv.conf` that has `options` and an empty file of hosts; the server stands in the settings, for its port.
    async fn with(settings: Settings, options: &str) -> Self {
        let dns = DnsServer::start().await;
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("resolv.conf"), format!("nameserver 127.0.0.1\n{options}\n")).unwrap();
        fs::write(folder.path().join("hosts"), "127.0.0.1 localhost\n").unwrap();
        let files = SystemFiles { resolv_conf: folder.path().join("resolv.conf"), hosts: folder.path().join("hosts") };
        let marked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&marked);
        let mark: MarkSocket = Arc::new(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            Ok(())
        });
        let names = Names::new(&Settings { servers: vec![dns.address()], ..settings }, files, mark);
        Self { dns, names, folder, marked }
    }

    async fn bound(&self, name: &str, address: &str) -> Option<BoundBy> {
        self.names.bound(None, &self::name(name), ip(address)).await
    }

    async fn addresses(&self, name: &str) -> Vec<String> {
        match self.names.resolve(&self::name(name)).await {
            Ok(answer) => answer.addresses.iter().map(ToString::to_string).collect(),
            Err(_) => Vec::new(),
        }
    }
}

fn name(text: &str) -> ServerName {
    ServerName::parse(text).unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_name_is_bound_only_to_addresses_its_own_zone_gave() {
    let world = World::new().await;
    world.dns.name("api.example.test", &["203.0.113.10", "2001:db8::10"], 60);
    assert_eq!(world.bound("api.example.test", "203.0.113.10").await, Some(BoundBy::OwnResolver));
    assert_eq!(world.bound("api.example.test", "2001:db8::10").await, Some(BoundBy::OwnResolver));
    assert_eq!(world.bound("API.example.test", "::ffff:203.0.113.10").await, Some(BoundBy::OwnResolver));
    assert_eq!(world.bound("api.example.test", "203.0.113.66").await, None);
    assert_eq!(world.bound("nobody.example.test", "203.0.113.10").await, None);
    assert!(world.marked.load(Ordering::Relaxed) > 0, "each socket is marked as ours");
}

#[tokio::test]
async fn an_alias_binds_the_name_that_was_asked_for() {
    let world = World::new().await;
    world.dns.alias("www.example.test", "edge.cdn.test");
    world.dns.name("edge.cdn.test", &["203.0.113.20"], 60);
    assert_eq!(world.bound("www.example.test", "203.0.113.20").await, Some(BoundBy::OwnResolver));
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_fetched_over_tcp() {
    let world = World::new().await;
    world.dns.tcp_only("big.example.test", &["203.0.113.30"]);
    assert_eq!(world.addresses("big.example.test").await, ["203.0.113.30"]);
    assert!(world.dns.over_tcp() > 0);
}

#[tokio::test]
async fn a_server_that_is_silent_costs_no_more_than_the_limit() {
    let settings = Settings { timeout: Duration::from_millis(300), ..Settings::default() };
    let world = World::with(settings, "").await;
    world.dns.silent("slow.example.test");
    let begun = Instant::now();
    let error = world.names.resolve(&name("slow.example.test")).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_name_in_the_file_of_hosts_is_asked_of_nobody_in_neither_family() {
    let world = World::new().await;
    world.dns.silent("localhost");
    let begun = Instant::now();
    assert_eq!(world.addresses("localhost").await, ["127.0.0.1"]);
    assert_eq!(world.dns.asked("localhost"), 0);
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_server_that_drops_questions_for_ipv6_delays_and_does_not_fail() {
    let world = World::new().await;
    world.dns.name("old.example.test", &["203.0.113.40"], 60);
    world.dns.drop_ipv6("old.example.test");
    let begun = Instant::now();
    assert_eq!(world.addresses("old.example.test").await, ["203.0.113.40"]);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn the_server_is_not_asked_again_while_its_answer_holds() {
    let world = World::new().await;
    world.dns.name("api.example.test", &["203.0.113.10"], 60);
    for _ in 0..5 {
        assert_eq!(world.addresses("api.example.test").await, ["203.0.113.10"]);
        assert_eq!(world.bound("api.example.test", "203.0.113.66").await, None);
        assert_eq!(world.bound("unknown.example.test", "203.0.113.66").await, None);
    }
    assert_eq!(world.dns.asked("api.example.test"), 1);
    assert_eq!(world.dns.asked("unknown.example.test"), 1, "that there is no such name is an answer, too");
}

#[tokio::test]
async fn addresses_that_a_cdn_rotated_away_stay_bound() {
    let world = World::new().await;
    world.dns.name("cdn.example.test", &["203.0.113.1"], 1);
    world.dns.name("cdn.example.test", &["203.0.113.2"], 1);
    assert_eq!(world.bound("cdn.example.test", "203.0.113.1").await, Some(BoundBy::OwnResolver));
    // The cached answer holds for its TTL of one second; then the next one is asked for.
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    let rotated = async {
        while world.addresses("cdn.example.test").await != ["203.0.113.2"] {
            tick.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), rotated).await.expect("the TTL ends");
    assert_eq!(world.bound("cdn.example.test", "203.0.113.2").await, Some(BoundBy::OwnResolver));
    assert_eq!(world.bound("cdn.example.test", "203.0.113.1").await, Some(BoundBy::OwnResolver));
    assert_eq!(world.bound("cdn.example.test", "203.0.113.3").await, None);
}

#[tokio::test]
async fn search_domains_apply_as_they_do_for_the_workload() {
    let world = World::with(Settings::default(), "search svc.cluster.test cluster.test\noptions ndots:5").await;
    world.dns.name("redis.svc.cluster.test", &["10.96.0.7"], 60);
    world.dns.name("api.example.test", &["203.0.113.10"], 60);
    assert_eq!(world.addresses("redis").await, ["10.96.0.7"]);
    assert_eq!(world.addresses("api.example.test").await, ["203.0.113.10"]);
    assert_eq!(world.dns.asked("api.example.test.svc.cluster.test"), 1, "ndots:5 asks below the search domains first");
}

#[tokio::test]
async fn the_systems_hosts_come_before_dns_and_are_read_again_when_they_change() {
    let world = World::new().await;
    world.dns.name("api.example.test", &["203.0.113.10"], 60);
    assert_eq!(world.addresses("api.example.test").await, ["203.0.113.10"]);
    fs::write(world.folder.path().join("hosts"), "203.0.113.77 api.example.test other.test\n").unwrap();
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    let changed = async {
        while world.addresses("api.example.test").await != ["203.0.113.77"] {
            tick.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), changed).await.expect("the file is looked at again");
    assert_eq!(world.addresses("other.test").await, ["203.0.113.77"]);
}

#[tokio::test]
async fn what_the_operator_says_of_a_name_is_all_that_binds_it() {
    let hosts = HashMap::from([(name("db.example.test"), vec![ip("10.1.2.3")])]);
    let world = World::with(Settings { hosts, ..Settings::default() }, "").await;
    world.dns.name("db.example.test", &["203.0.113.66"], 60);
    world.names.record(CgroupId(7), &name("db.example.test"), &[ip("203.0.113.67")], Duration::from_mins(1));
    assert_eq!(world.addresses("db.example.test").await, ["10.1.2.3"]);
    assert_eq!(world.bound("db.example.test", "10.1.2.3").await, Some(BoundBy::Hosts));
    assert_eq!(world.bound("db.example.test", "203.0.113.66").await, None);
    let told = world.names.bound(Some(CgroupId(7)), &name("db.example.test"), ip("203.0.113.67")).await;
    assert_eq!(told, None);
    assert_eq!(world.dns.asked("db.example.test"), 0);
    world.names.configure(&Settings { servers: vec![world.dns.address()], ..Settings::default() });
    assert_eq!(world.bound("db.example.test", "203.0.113.66").await, Some(BoundBy::OwnResolver), "after a reload");
}

#[tokio::test]
async fn an_answer_that_a_workload_received_binds_for_it_alone() {
    let world = World::new().await;
    world.dns.name("geo.example.test", &["203.0.113.1"], 60);
    let (geo, told) = (name("geo.example.test"), ip("203.0.113.9"));
    world.names.record(CgroupId(7), &geo, &[told], Duration::from_secs(30));
    assert_eq!(world.names.bound(Some(CgroupId(7)), &geo, told).await, Some(BoundBy::WorkloadDns));
    assert_eq!(world.dns.asked("geo.example.test"), 0, "nobody else needs to be asked");
    assert_eq!(world.names.bound(Some(CgroupId(8)), &geo, told).await, None);
    assert_eq!(world.names.bound(None, &geo, told).await, None);
    world.names.forget(CgroupId(7));
    assert_eq!(world.names.bound(Some(CgroupId(7)), &geo, told).await, None);
}

#[tokio::test(start_paused = true)]
async fn names_in_use_are_asked_for_again_and_others_are_not() {
    struct Counting(AtomicUsize);
    impl Resolve for Counting {
        fn resolve<'a>(&'a self, _: &'a ServerName) -> Resolving<'a> {
            let asked = self.0.fetch_add(1, Ordering::Relaxed);
            let address = IpAddr::from([203, 0, 113, u8::try_from(asked).unwrap_or(u8::MAX)]);
            Box::pin(async move { Ok(Answer { addresses: vec![address], ttl: Duration::ZERO }) })
        }
    }
    let own = own::OwnAnswers::default();
    let resolver = Counting(AtomicUsize::new(0));
    let (used, unused) = (name("used.test"), name("unused.test"));
    own.learn(&unused, &Answer { addresses: vec![ip("203.0.113.200")], ttl: Duration::ZERO }).await;
    assert!(own.has(&used, ip("203.0.113.0"), &resolver).await);
    own.refresh(&resolver).await;
    assert_eq!(resolver.0.load(Ordering::Relaxed), 1, "the answer still holds");
    own.end_all().await;
    own.refresh(&resolver).await;
    assert_eq!(resolver.0.load(Ordering::Relaxed), 2, "the name in use, and it alone");
    assert!(own.has(&used, ip("203.0.113.1"), &resolver).await, "known before anybody asks");
    assert!(own.has(&used, ip("203.0.113.0"), &resolver).await);
}
