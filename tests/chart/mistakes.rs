//! Mistakes that one can make with the values, and what is said of each.

/// A name for the case, the values that lie over `split-values.yaml`, and what is said of them.
pub(crate) const MISTAKES: &[(&str, &str, &str)] = &[
    // Misspelt keys, by name, at every depth.
    ("a key of the top", "modee: split", "'modee' not allowed"),
    (
        "a key below",
        "grpc: { tls: { existingSecrt: x } }",
        "'existingSecrt' not allowed",
    ),
    (
        "a key of the configuration",
        "config: { tenats: {} }",
        "'tenats' not allowed",
    ),
    (
        "a key of a tenant",
        "config: { tenants: { acme: { okta: { failver: disabled } } } }",
        "'failver' not allowed",
    ),
    (
        "a key of a provider",
        "config: { providers: { twilio-us: { acount_sid: AC1 } } }",
        "'acount_sid' not allowed",
    ),
    (
        "a key of the security context",
        "pod: { securityContext: { runAsNonRot: true } }",
        "'runAsNonRot' not allowed",
    ),
    (
        "a key of a probe",
        "pod: { livenessProbe: { period: 1 } }",
        "'period' not allowed",
    ),
    (
        "a key of resources",
        "gateway: { resources: { limit: {} } }",
        "'limit' not allowed",
    ),
    (
        "a key of a peer",
        "networkPolicy: { http: { from: [{ podSelektor: {} }] } }",
        "'podSelektor' not allowed",
    ),
    (
        "a key of a secret",
        "secrets: { one: { existingSecret: a, key: b } }",
        "'key' not allowed",
    ),
    // Wrong words and types.
    (
        "a mode",
        "mode: both",
        "at '/mode': value must be one of 'single', 'split'",
    ),
    (
        "a text for a number",
        "gateway: { replicas: one }",
        "at '/gateway/replicas': got string, want integer",
    ),
    (
        "a number for a text",
        "image: { tag: 1.2 }",
        "at '/image/tag': got number, want string",
    ),
    (
        "a digest",
        "image: { digest: sha256:abc }",
        "at '/image/digest'",
    ),
    (
        "a quantity",
        "gateway: { resources: { limits: { memory: 1 gigabyte } } }",
        "/gateway/resources/limits/memory",
    ),
    (
        "a level",
        "config: { guard: { lists: shadowy } }",
        "at '/config/guard/lists'",
    ),
    (
        "a number out of range",
        "config: { ledger: { keep_days: 0 } }",
        "at '/config/ledger/keep_days'",
    ),
    (
        "a secret in clear",
        "config: { providers: { twilio-us: { auth_token: hunter2 } } }",
        "/auth_token",
    ),
    (
        "a number that lost its sign",
        "config: { providers: { twilio-us: { senders: { GB: +15005550006 } } } }",
        "senders/GB': got number, want string",
    ),
    (
        "a duration for preStop",
        "pod: { preStopSeconds: 5s }",
        "at '/pod/preStopSeconds'",
    ),
    // Words that YAML 1.1 takes for false.
    (
        "Norway among the countries",
        "config: { tenants: { acme: { countries: { allow: [US, NO] } } } }",
        "config.tenants.acme.countries.allow[1]: YAML 1.1, which Helm reads, takes NO without quotes for false (and other such words for false or true): write \"NO\"",
    ),
    (
        "Norway as the default country",
        "config: { tenants: { acme: { countries: { default: NO } } } }",
        "config.tenants.acme.countries.default: YAML 1.1",
    ),
    (
        "Norway's sender",
        "config: { providers: { twilio-us: { senders: { NO: ACME } } } }",
        "config.providers.twilio-us.senders.false: YAML 1.1",
    ),
    (
        "Norway's money",
        "config: { guard: { money: { countries: { NO: 5 } } } }",
        "config.guard.money.countries.false: YAML 1.1",
    ),
    (
        "Norway's price",
        "config: { providers: { twilio-us: { prices: { sms: { NO: 0.05 } } } } }",
        "config.providers.twilio-us.prices.sms.false: YAML 1.1",
    ),
    (
        "Norway's route",
        "config: { routes: [{ channel: sms, countries: [NO], try: [twilio-us] }] }",
        "config.routes[0].countries[0]: YAML 1.1",
    ),
    (
        "Norwegian",
        "config: { tenants: { acme: { templates: [{ locale: no, text: '{{ code }}' }] } } }",
        "config.tenants.acme.templates[0].locale: YAML 1.1",
    ),
    // What the chart sets itself.
    (
        "an address of the admin door",
        "config: { admin: { listen: 0.0.0.0:1 } }",
        "config.admin: the chart sets the address",
    ),
    (
        "an address of the public door",
        "config: { public: { listen: 0.0.0.0:1 } }",
        "config.public.listen: the chart sets",
    ),
    (
        "an address of the gRPC door",
        "config: { grpc: { listen: 0.0.0.0:1 } }",
        "config.grpc.listen: the chart sets",
    ),
    (
        "a certificate",
        "config: { public: { tls: {} } }",
        "config.public.tls: the chart mounts certificates itself",
    ),
    (
        "a certificate of gRPC",
        "config: { grpc: { tls: {} } }",
        "config.grpc.tls: the chart mounts certificates itself",
    ),
    (
        "plain text",
        "config: { grpc: { plaintext: true } }",
        "config.grpc.plaintext: set grpc.plaintext beside config",
    ),
    (
        "a gateway",
        "config: { gateway: { url: https://x } }",
        "config.gateway: the chart connects",
    ),
    (
        "a ledger",
        "config: { ledger: { url: 'memory:' } }",
        "config.ledger.url: the chart keeps the ledger on the volume",
    ),
    (
        "the adapter's name",
        "config: { grpc: { clients: [{ name: adapter, token: { file: /run/secrets/tollgate/x }, tenants: [acme], methods: [SendOtp] }] } }",
        "with mode: split the chart adds the client \"adapter\" itself",
    ),
    (
        "a variable over the configuration",
        "gateway: { extraEnv: { TOLLGATE__GRPC__LISTEN: '0.0.0.0:1' } }",
        "gateway.extraEnv.TOLLGATE__GRPC__LISTEN: would lie over the configuration",
    ),
    (
        "an argument",
        "adapter: { extraArgs: [--only=gateway] }",
        "adapter.extraArgs: the chart sets --only=gateway itself",
    ),
    // Secrets.
    (
        "a file of no Secret",
        "existingSecret: ''",
        "names a key of a Secret, but existingSecret is not given",
    ),
    (
        "a file of an unknown Secret",
        "config: { providers: { twilio-us: { auth_token: { file: /run/secrets/tollgate/team/token } } } }",
        "config.providers.twilio-us.auth_token: /run/secrets/tollgate/team/token names a key of a Secret, but secrets.team is not given",
    ),
    (
        "a file too deep",
        "config: { providers: { twilio-us: { auth_token: { file: /run/secrets/tollgate/a/b/c } } } }",
        "must be /run/secrets/tollgate/KEY or /run/secrets/tollgate/NAME/KEY",
    ),
    (
        "a file of no volume",
        "config: { outbound: { ca: { file: /etc/ca.pem } } }",
        "config.outbound.ca: no volume has /etc/ca.pem",
    ),
    (
        "a file of no volume, in one pod",
        "mode: single\nconfig: { outbound: { ca: { file: /etc/ca.pem } } }",
        "config.outbound.ca: no volume has /etc/ca.pem",
    ),
    (
        "a variable that is not given",
        "config: { privacy: { keys: [{ id: k1, secret: { env: TOKEN } }] } }",
        "config.privacy.keys[0].secret: no variable TOKEN is given; add it to gateway.extraEnv",
    ),
    (
        "a name of the chart's own",
        "secrets: { grpc: { existingSecret: x } }",
        "secrets.grpc: this name is the chart's own",
    ),
    // The connection of the two roles.
    (
        "no certificate",
        "grpc: { tls: { existingSecret: '' } }",
        "grpc.tls.existingSecret: with mode: split codes pass between pods",
    ),
    (
        "no token",
        "grpc: { adapterToken: { existingSecret: '' } }",
        "grpc.adapterToken.existingSecret: with mode: split the gateway knows the adapter by a token",
    ),
    (
        "both",
        "grpc: { plaintext: true }",
        "plaintext and tls.existingSecret contradict each other",
    ),
    // One writer.
    (
        "two gateways",
        "gateway: { replicas: 2 }",
        "gateway.replicas: 2 gateways would each count and record on their own, as they share no ledger yet; use 1",
    ),
    (
        "no volume",
        "persistence: { enabled: false }",
        "persistence.enabled: without a volume the ledger is gone with the pod",
    ),
    (
        "a claim that is not used",
        "persistence: { enabled: false, acceptLoss: true, existingClaim: x }",
        "persistence.existingClaim: is not used",
    ),
    // Time.
    (
        "a short end",
        "pod: { terminationGracePeriodSeconds: 31 }",
        "pod.terminationGracePeriodSeconds: 31 is too short; what sleeps before the end, config.drain, and writing the ledger take the gateway up to 32",
    ),
    (
        "a drain without a unit",
        "config: { drain: { deadline: '20' } }",
        "at '/config/drain/deadline'",
    ),
    // Scale.
    (
        "bounds the wrong way round",
        "adapter: { autoscaling: { enabled: true, minReplicas: 5, maxReplicas: 4 } }",
        "adapter.autoscaling: maxReplicas (4) is less than minReplicas (5)",
    ),
    (
        "nothing to go by",
        "adapter: { autoscaling: { enabled: true, targetCPUUtilizationPercentage: null } }",
        "adapter.autoscaling: names nothing to go by",
    ),
    (
        "one pod is scaled",
        "mode: single\nadapter: { autoscaling: { enabled: true } }",
        "there are adapters with mode: split only",
    ),
    (
        "two bounds",
        "adapter: { podDisruptionBudget: { minAvailable: 1 } }",
        "needs exactly one of minAvailable and maxUnavailable",
    ),
    (
        "no bound",
        "adapter: { podDisruptionBudget: { maxUnavailable: null } }",
        "needs exactly one of minAvailable and maxUnavailable",
    ),
    // Names that are taken.
    (
        "a volume's name",
        "gateway: { extraVolumes: [{ name: data, emptyDir: {} }] }",
        "gateway.extraVolumes: data is the name of a volume of the chart's",
    ),
    (
        "a volume's place",
        "gateway: { extraVolumeMounts: [{ name: x, mountPath: /tmp/ }] }",
        "gateway.extraVolumeMounts: /tmp/ is taken",
    ),
    (
        "a container's name",
        "adapter: { extraContainers: [{ name: tollgate, image: x:1 }] }",
        "tollgate is the name of the chart's container",
    ),
    (
        "a name that begins with a digit",
        "fullnameOverride: 1st",
        "at '/fullnameOverride'",
    ),
    (
        "an image that changes",
        "image: { tag: latest }",
        "image.tag: latest is another image every time",
    ),
    // Ways in.
    (
        "an Ingress without a host",
        "ingress: { enabled: true }",
        "ingress.hosts: name the host",
    ),
    (
        "a route without a Gateway",
        "httpRoute: { enabled: true }",
        "httpRoute.parentRefs: name the Gateway",
    ),
    (
        "one hostname for both routes",
        "httpRoute: { enabled: true, parentRefs: [{ name: g }], hostnames: [a.example] }\ngrpcRoute: { enabled: true, parentRefs: [{ name: g }], hostnames: [a.example] }",
        "grpcRoute.hostnames: \"a.example\" is a hostname of httpRoute too",
    ),
    (
        "a policy for a door without TLS",
        "httpRoute: { enabled: true, parentRefs: [{ name: g }], backendTLS: { enabled: true, hostname: a.example } }",
        "httpRoute.backendTLS: the door has no TLS",
    ),
    (
        "a policy without a name",
        "grpcRoute: { enabled: true, parentRefs: [{ name: g }], backendTLS: { enabled: true } }",
        "grpcRoute.backendTLS.hostname: say which name",
    ),
    (
        "a policy without a route",
        "grpcRoute: { backendTLS: { enabled: true } }",
        "grpcRoute.backendTLS: there is no route",
    ),
    (
        "a route to a door that is closed",
        "mode: single\ngrpc: { tls: { existingSecret: '' } }\ngrpcRoute: { enabled: true, parentRefs: [{ name: g }] }",
        "grpcRoute: the gRPC door is inside the pod only",
    ),
    (
        "a Service of a door that is closed",
        "mode: single\ngrpc: { tls: { existingSecret: '' } }\nservice: { grpc: { type: NodePort } }",
        "service.grpc.type: the gRPC door is inside the pod only",
    ),
    (
        "a port of the nodes",
        "service: { http: { nodePort: 30000 } }",
        "service.http.nodePort: is for type NodePort or LoadBalancer",
    ),
    (
        "a class of load balancers",
        "service: { grpc: { type: NodePort, loadBalancerClass: x } }",
        "service.grpc.loadBalancerClass: is for type LoadBalancer",
    ),
];
