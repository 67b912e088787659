//! The decision table, and the laws that hold over all of it.

use proptest::prelude::*;

use super::*;
use crate::model::ServerName;

const DST: &str = "203.0.113.7:443";

fn dst(text: &str) -> OriginalDst {
    OriginalDst::new(text.parse().unwrap())
}

fn peer(text: &str) -> PeerName {
    text.parse().map_or_else(|_| PeerName::Dns(ServerName::parse(text).unwrap()), PeerName::Ip)
}

fn domains(list: &[&str]) -> DomainList {
    list.iter().map(|pattern| pattern.parse().unwrap()).collect()
}

/// `allowed.test` and 203.0.113.99 in the allowlist, `pinned.test` passed through, `internal.test` in `NO_PROXY`; the
/// allowlist has those two as well, so that strict rows show the rule behind it.
fn spec(mode: Mode) -> Spec {
    Spec {
        mode,
        enforce: mode != Mode::Audit,
        api_allowlist: domains(&["*.allowed.test", "pinned.test", "internal.test", "203.0.113.99"]),
        trusted_domains: domains(&["*.trusted.test"]),
        passthrough_domains: domains(&["pinned.test"]),
        client_certificate_domains: domains(&["mtls.allowed.test", "mtls.test"]),
        legacy_tls_domains: domains(&["old.test"]),
        no_proxy: NoProxyList::parse("internal.test, 198.51.100.0/24, 203.0.113.5:5432").unwrap(),
        no_proxy_from_workload: false,
        ssrf_allowlist: Vec::new(),
        cidr_bypass: vec!["192.0.2.0/24".parse().unwrap()],
        tls_interception: true,
    }
}

fn strict() -> Rules {
    Rules::new(spec(Mode::Strict))
}

fn balanced() -> Rules {
    Rules::new(spec(Mode::Balanced))
}

fn audit() -> Rules {
    Rules::new(spec(Mode::Audit))
}

fn strict_unenforced() -> Rules {
    Rules::new(Spec { enforce: false, ..spec(Mode::Strict) })
}

fn tls_off(mode: Mode) -> Rules {
    Rules::new(Spec { tls_interception: false, ..spec(mode) })
}

/// One row: what is known, in the words of the audit log.
struct Row {
    protocol: Protocol,
    name: &'static str,
    binding: Binding,
    ech: bool,
    connect: &'static str,
}

impl Row {
    fn new(protocol: Protocol, name: &'static str, binding: Binding) -> Self {
        Self { protocol, name, binding, ech: false, connect: "" }
    }

    fn decide(&self, rules: &Rules) -> String {
        let (name, connect) = (optional(self.name), optional(self.connect));
        let decision = rules.name(&NameInput {
            protocol: self.protocol,
            name: name.as_ref(),
            dst: dst(DST),
            binding: self.binding,
            ech: self.ech,
            connect_host: connect.as_ref(),
            own_no_proxy: None,
        });
        format!("{} {}", decision.as_str(), decision.reason())
    }
}

fn optional(name: &str) -> Option<PeerName> {
    (!name.is_empty()).then(|| peer(name))
}

#[test]
fn names_are_decided_as_the_table_says() {
    use Binding::{Bound, NotBound, Unknown};
    use Protocol::{Empty, Http1, Http2, Opaque, ServerFirst, Tls};

    let row = Row::new;
    let ech = |name, binding| Row { ech: true, ..row(Tls, name, binding) };
    let connect = |connect, name, binding| Row { connect, ..row(Tls, name, binding) };
    for (row, in_strict, in_balanced, in_audit) in [
        // TLS to a host no rule names.
        (row(Tls, "api.test", Bound), "deny not_in_allowlist", "intercept default", "intercept default"),
        (row(Tls, "a.allowed.test", Unknown), "intercept default", "intercept default", "intercept default"),
        // No SNI: the address is all there is to know.
        (row(Tls, "", Unknown), "deny not_in_allowlist", "intercept default", "intercept default"),
        (row(Tls, "203.0.113.7", Unknown), "deny not_in_allowlist", "intercept default", "intercept default"),
        // The workload names an allowed address, but went to another one.
        (row(Http1, "203.0.113.99", Unknown), "deny not_in_allowlist", "intercept default", "intercept default"),
        // Listed names: bound, they are relayed; a name alone opens nothing and skips nothing.
        (
            row(Tls, "pinned.test", Bound),
            "passthrough passthrough_domain",
            "passthrough passthrough_domain",
            "passthrough passthrough_domain",
        ),
        (
            row(Tls, "pinned.test", NotBound),
            "intercept name_not_bound",
            "intercept name_not_bound",
            "intercept name_not_bound",
        ),
        (
            row(Tls, "pinned.test", Unknown),
            "intercept name_not_bound",
            "intercept name_not_bound",
            "intercept name_not_bound",
        ),
        (
            row(Tls, "internal.test", Bound),
            "passthrough no_proxy_name",
            "passthrough no_proxy_name",
            "passthrough no_proxy_name",
        ),
        (
            row(Tls, "internal.test", NotBound),
            "intercept name_not_bound",
            "intercept name_not_bound",
            "intercept name_not_bound",
        ),
        (
            row(Tls, "db.internal.test", Bound),
            "deny not_in_allowlist",
            "passthrough no_proxy_name",
            "passthrough no_proxy_name",
        ),
        // Encrypted ClientHello: the outer name proves nothing, bound or not.
        (
            ech("pinned.test", Bound),
            "intercept encrypted_client_hello",
            "intercept encrypted_client_hello",
            "intercept encrypted_client_hello",
        ),
        (ech("a.allowed.test", Bound), "intercept default", "intercept default", "intercept default"),
        // CONNECT: SNI must not name somebody else, even somebody listed.
        (
            connect("a.allowed.test", "a.allowed.test", Bound),
            "intercept default",
            "intercept default",
            "intercept default",
        ),
        (
            connect("a.allowed.test", "b.allowed.test", Bound),
            "deny connect_sni_mismatch",
            "deny connect_sni_mismatch",
            "intercept audit",
        ),
        (
            connect("a.allowed.test", "pinned.test", Bound),
            "deny connect_sni_mismatch",
            "deny connect_sni_mismatch",
            "passthrough audit",
        ),
        (
            connect("pinned.test", "", Bound),
            "passthrough passthrough_domain",
            "passthrough passthrough_domain",
            "passthrough passthrough_domain",
        ),
        (
            connect("203.0.113.7", "a.allowed.test", Unknown),
            "intercept default",
            "intercept default",
            "intercept default",
        ),
        // Cleartext: Host is the workload's word and there is no certificate to prove it.
        (row(Http1, "api.test", Unknown), "deny not_in_allowlist", "intercept default", "intercept default"),
        (row(Http1, "a.allowed.test", Bound), "intercept default", "intercept default", "intercept default"),
        (row(Http1, "a.allowed.test", Unknown), "deny name_not_bound", "intercept default", "intercept default"),
        (row(Http2, "a.allowed.test", NotBound), "deny name_not_bound", "intercept default", "intercept default"),
        (row(Http1, "pinned.test", Bound), "intercept default", "intercept default", "intercept default"),
        (
            row(Http1, "internal.test", Bound),
            "passthrough no_proxy_name",
            "passthrough no_proxy_name",
            "passthrough no_proxy_name",
        ),
        (
            row(Http1, "internal.test", Unknown),
            "deny name_not_bound",
            "intercept name_not_bound",
            "intercept name_not_bound",
        ),
        (row(Http1, "", Unknown), "deny not_in_allowlist", "intercept default", "intercept default"),
        // Protocols that cannot be opened.
        (row(ServerFirst, "", Unknown), "deny opaque", "passthrough server_first", "passthrough server_first"),
        (row(Opaque, "", Unknown), "deny opaque", "passthrough opaque", "passthrough opaque"),
        (row(Empty, "", Unknown), "deny opaque", "passthrough opaque", "passthrough opaque"),
        (
            Row { connect: "internal.test", ..row(Opaque, "", Bound) },
            "passthrough no_proxy_name",
            "passthrough no_proxy_name",
            "passthrough no_proxy_name",
        ),
        (
            Row { connect: "a.allowed.test", ..row(ServerFirst, "", Bound) },
            "deny opaque",
            "passthrough server_first",
            "passthrough server_first",
        ),
        (
            Row { connect: "other.test", ..row(Opaque, "", Bound) },
            "deny not_in_allowlist",
            "passthrough opaque",
            "passthrough opaque",
        ),
    ] {
        let what =
            format!("{:?} {:?} {:?} ech={} connect={:?}", row.protocol, row.name, row.binding, row.ech, row.connect);
        assert_eq!(row.decide(&strict()), in_strict, "strict: {what}");
        assert_eq!(row.decide(&balanced()), in_balanced, "balanced: {what}");
        assert_eq!(row.decide(&audit()), in_audit, "audit: {what}");
    }
}

#[test]
fn with_interception_off_tls_is_relayed_and_strict_still_wants_proof() {
    for (name, binding, in_strict, in_balanced) in [
        ("a.allowed.test", Binding::Bound, "passthrough interception_off", "passthrough interception_off"),
        ("a.allowed.test", Binding::Unknown, "deny name_not_bound", "passthrough interception_off"),
        ("internal.test", Binding::Unknown, "deny name_not_bound", "passthrough interception_off"),
        ("pinned.test", Binding::Bound, "passthrough passthrough_domain", "passthrough passthrough_domain"),
        ("api.test", Binding::Bound, "deny not_in_allowlist", "passthrough interception_off"),
    ] {
        let row = Row::new(Protocol::Tls, name, binding);
        assert_eq!(row.decide(&tls_off(Mode::Strict)), in_strict, "strict: {name} {binding:?}");
        assert_eq!(row.decide(&tls_off(Mode::Balanced)), in_balanced, "balanced: {name} {binding:?}");
    }
    let cleartext = Row::new(Protocol::Http1, "api.test", Binding::Unknown);
    assert_eq!(cleartext.decide(&tls_off(Mode::Balanced)), "intercept default");
}

#[test]
fn strict_without_enforcement_records_what_it_would_refuse() {
    for (protocol, name, want) in [
        (Protocol::Tls, "api.test", "intercept audit"),
        (Protocol::Http1, "a.allowed.test", "intercept audit"),
        (Protocol::Opaque, "", "passthrough audit"),
        (Protocol::Tls, "a.allowed.test", "intercept default"),
    ] {
        assert_eq!(
            Row::new(protocol, name, Binding::Unknown).decide(&strict_unenforced()),
            want,
            "{protocol:?} {name}"
        );
    }
}

#[test]
fn a_port_pins_a_no_proxy_name() {
    let rules = Rules::new(Spec { no_proxy: NoProxyList::parse("db.test:5432").unwrap(), ..spec(Mode::Balanced) });
    for (address, want) in [("203.0.113.7:5432", "passthrough"), ("203.0.113.7:443", "intercept")] {
        let decision = rules.name(&NameInput {
            protocol: Protocol::Tls,
            name: Some(&peer("db.test")),
            dst: dst(address),
            binding: Binding::Bound,
            ech: false,
            connect_host: None,
            own_no_proxy: None,
        });
        assert_eq!(decision.as_str(), want, "{address}");
    }
}

#[test]
fn a_workloads_own_list_has_it_relayed_instead_of_opened_and_reaches_nothing_more() {
    use Binding::{Bound, NotBound};
    use Protocol::{Http1, Opaque, Tls};
    let honoured = |mode| Rules::new(Spec { no_proxy_from_workload: true, ..spec(mode) });
    let decide = |rules: &Rules, own: &str, (protocol, name, binding, ech): (Protocol, &str, Binding, bool)| {
        let (name, own) = (optional(name), NoProxyList::of_environment(format!("NO_PROXY={own}").as_bytes()));
        let decision = rules.name(&NameInput {
            protocol,
            name: name.as_ref(),
            dst: dst(DST),
            binding,
            ech,
            connect_host: None,
            own_no_proxy: Some(&own),
        });
        format!("{} {}", decision.as_str(), decision.reason())
    };
    let (relayed, opened, unbound) = ("passthrough no_proxy_workload", "intercept default", "intercept name_not_bound");
    for (own, what, in_strict, in_balanced) in [
        ("api.test", (Tls, "api.test", Bound, false), "deny not_in_allowlist", relayed),
        ("a.allowed.test", (Tls, "a.allowed.test", Bound, false), relayed, relayed),
        ("a.allowed.test", (Http1, "a.allowed.test", Bound, false), relayed, relayed),
        ("a.allowed.test:5432", (Tls, "a.allowed.test", Bound, false), opened, opened),
        // A name is the workload's word, whoever listed it.
        ("a.allowed.test", (Tls, "a.allowed.test", NotBound, false), unbound, unbound),
        ("a.allowed.test", (Tls, "a.allowed.test", Bound, true), opened, opened),
        // The address is the kernel's, but in strict mode the name must be proven, which opening it does.
        ("203.0.113.0/24", (Tls, "a.allowed.test", NotBound, false), unbound, relayed),
        ("203.0.113.0/24", (Tls, "", NotBound, false), "deny not_in_allowlist", relayed),
        ("203.0.113.0/24", (Opaque, "", NotBound, false), "deny opaque", "passthrough opaque"),
        ("*", (Tls, "a.allowed.test", Bound, false), opened, opened),
        // The operator's own lists come first.
        (
            "internal.test",
            (Tls, "internal.test", Bound, false),
            "passthrough no_proxy_name",
            "passthrough no_proxy_name",
        ),
    ] {
        assert_eq!(decide(&honoured(Mode::Strict), own, what), in_strict, "{own} {what:?}");
        assert_eq!(decide(&honoured(Mode::Balanced), own, what), in_balanced, "{own} {what:?}");
        let without = decide(&balanced(), own, what);
        assert_ne!(without, relayed, "{own} {what:?}: not asked for");
    }
}

fn words(decision: AddressDecision) -> String {
    match decision {
        AddressDecision::Continue => "continue".to_owned(),
        AddressDecision::Passthrough(reason) => format!("passthrough {}", reason.as_str()),
        AddressDecision::Deny(reason) => format!("deny {}", reason.as_str()),
    }
}

const OWN: [&str; 3] = ["127.0.0.1:8888", "[::]:9090", "10.0.0.9:15001"];

fn own_listeners() -> Vec<SocketAddr> {
    OWN.iter().map(|address| address.parse().unwrap()).collect()
}

#[test]
fn captured_addresses_are_decided_as_the_table_says() {
    for (address, in_balanced, in_audit) in [
        ("203.0.113.7:443", "continue", "continue"),
        // The workload could have reached these without us.
        ("10.1.2.3:443", "continue", "continue"),
        ("198.51.100.9:443", "passthrough no_proxy_address", "passthrough no_proxy_address"),
        ("[::ffff:198.51.100.9]:443", "passthrough no_proxy_address", "passthrough no_proxy_address"),
        ("203.0.113.5:5432", "passthrough no_proxy_address", "passthrough no_proxy_address"),
        ("203.0.113.5:443", "continue", "continue"),
        ("192.0.2.1:443", "passthrough no_proxy_address", "passthrough no_proxy_address"),
        ("169.254.169.254:80", "deny address_class", "passthrough audit"),
        ("[::ffff:169.254.169.254]:80", "deny address_class", "passthrough audit"),
        ("[fd00:ec2::254]:80", "deny address_class", "passthrough audit"),
        // A loop takes the node down, whatever the mode.
        ("127.0.0.1:8888", "deny loop", "deny loop"),
        ("0.0.0.0:8888", "deny loop", "deny loop"),
        ("[::ffff:127.0.0.1]:8888", "deny loop", "deny loop"),
        ("127.0.0.2:8888", "continue", "continue"),
        ("127.0.0.2:9090", "deny loop", "deny loop"),
        ("[::1]:9090", "deny loop", "deny loop"),
        ("[::]:9090", "deny loop", "deny loop"),
        ("203.0.113.7:9090", "continue", "continue"),
        ("10.0.0.9:15001", "deny loop", "deny loop"),
        ("127.0.0.1:8889", "continue", "continue"),
    ] {
        assert_eq!(words(balanced().address(dst(address), &own_listeners())), in_balanced, "balanced: {address}");
        assert_eq!(words(audit().address(dst(address), &own_listeners())), in_audit, "audit: {address}");
    }
}

#[test]
fn the_explicit_proxy_is_no_door_into_private_networks() {
    for (host, address, want) in [
        ("api.test", "203.0.113.7:443", "continue"),
        ("api.test", "10.1.2.3:443", "deny address_class"),
        ("api.test", "[64:ff9b::10.1.2.3]:443", "deny address_class"),
        ("api.test", "100.64.0.1:443", "deny address_class"),
        ("api.test", "127.0.0.1:443", "deny address_class"),
        ("api.test", "0.0.0.0:443", "deny address_class"),
        ("api.test", "[fe80::1]:443", "deny address_class"),
        ("api.test", "224.0.0.1:443", "deny address_class"),
        ("10.1.2.3", "10.1.2.3:443", "deny address_class"),
        ("a.trusted.test", "10.1.2.3:443", "continue"),
        ("a.trusted.test", "127.0.0.1:443", "deny address_class"),
        ("a.trusted.test", "169.254.169.254:80", "deny address_class"),
        ("api.test", "198.51.100.9:443", "passthrough no_proxy_address"),
        ("a.trusted.test", "127.0.0.1:8888", "deny loop"),
    ] {
        let decision = balanced().connect_address(&peer(host), dst(address), &own_listeners());
        assert_eq!(words(decision), want, "{host} at {address}");
    }
}

#[test]
fn metadata_needs_an_entry_that_names_it() {
    let with = |list: &str, bypass: &[&str]| {
        Rules::new(Spec {
            no_proxy: NoProxyList::parse(list).unwrap(),
            cidr_bypass: bypass.iter().map(|net| net.parse().unwrap()).collect(),
            ..spec(Mode::Balanced)
        })
    };
    for (list, bypass, want) in [
        ("*", &[][..], "deny address_class"),
        ("169.254.169.254", &[], "passthrough no_proxy_address"),
        ("*, 169.254.0.0/16", &[], "passthrough no_proxy_address"),
        ("169.254.0.0/16", &[], "passthrough no_proxy_address"),
        ("", &["169.254.169.254/32"], "passthrough no_proxy_address"),
    ] {
        assert_eq!(words(with(list, bypass).address(dst("169.254.169.254:80"), &[])), want, "{list:?} {bypass:?}");
    }
    assert_eq!(words(with("*", &[]).address(dst("203.0.113.7:443"), &[])), "passthrough no_proxy_address");
}

#[test]
fn a_request_may_only_name_allowed_hosts_in_strict_mode() {
    for (host, in_strict) in [("a.allowed.test", true), ("other.test", false), ("203.0.113.99", true)] {
        assert_eq!(strict().admits_host(&peer(host)), in_strict, "{host}");
        assert!(balanced().admits_host(&peer(host)));
        assert!(strict_unenforced().admits_host(&peer(host)));
    }
}

prop_compose! {
    fn any_name()(index in 0..8_usize) -> &'static str {
        ["", "api.test", "a.allowed.test", "pinned.test", "internal.test", "db.internal.test", "203.0.113.7", "10.0.0.1"][index]
    }
}

fn any_protocol() -> impl Strategy<Value = Protocol> {
    prop::sample::select(vec![
        Protocol::Tls,
        Protocol::Http1,
        Protocol::Http2,
        Protocol::ServerFirst,
        Protocol::Opaque,
        Protocol::Empty,
    ])
}

fn any_rules() -> impl Strategy<Value = Rules> {
    (prop::sample::select(vec![Mode::Strict, Mode::Balanced, Mode::Audit]), any::<[bool; 3]>()).prop_map(
        |(mode, [enforce, tls_interception, no_proxy_from_workload])| {
            Rules::new(Spec { enforce, no_proxy_from_workload, tls_interception, ..spec(mode) })
        },
    )
}

fn any_binding() -> impl Strategy<Value = Binding> {
    prop::sample::select(vec![Binding::Bound, Binding::NotBound, Binding::Unknown])
}

proptest! {
    #[test]
    fn an_unproven_name_is_never_a_reason_to_relay(
        rules in any_rules(), protocol in any_protocol(), name in any_name(), connect in any_name(),
        binding in any_binding(), ech in any::<bool>(),
    ) {
        prop_assume!(binding != Binding::Bound || ech);
        let own = NoProxyList::parse("api.test,a.allowed.test").unwrap();
        let (name, connect) = (optional(name), optional(connect));
        let decision = rules.name(&NameInput {
            protocol, name: name.as_ref(), dst: dst(DST), binding, ech, connect_host: connect.as_ref(),
            own_no_proxy: Some(&own),
        });
        prop_assert!(
            !matches!(
                decision,
                Decision::Passthrough(
                    PassthroughReason::NoProxyName
                        | PassthroughReason::NoProxyWorkload
                        | PassthroughReason::PassthroughDomain
                )
            ),
            "{:?}", decision
        );
        // Nor for opening nothing in strict mode: what is not opened as TLS is refused.
        if rules.is_strict() && rules.0.enforce && protocol != Protocol::Tls {
            prop_assert!(matches!(decision, Decision::Deny(_)), "{:?}", decision);
        }
    }

    #[test]
    fn only_enforcement_refuses_and_then_only_with_its_own_reasons(
        rules in any_rules(), protocol in any_protocol(), name in any_name(), connect in any_name(),
        binding in any_binding(), ech in any::<bool>(),
    ) {
        let (name, connect) = (optional(name), optional(connect));
        let decision = rules.name(&NameInput {
            protocol, name: name.as_ref(), dst: dst(DST), binding, ech, connect_host: connect.as_ref(),
            own_no_proxy: None,
        });
        match decision {
            Decision::Deny(_) => prop_assert!(rules.0.enforce),
            Decision::Intercept(InterceptReason::Audit) | Decision::Passthrough(PassthroughReason::Audit) => {
                prop_assert!(!rules.0.enforce);
            }
            // Interception off means off: no certificate of ours is ever shown.
            Decision::Intercept(_) => prop_assert!(protocol != Protocol::Tls || rules.0.tls_interception),
            Decision::Passthrough(_) => {}
        }
    }
}
