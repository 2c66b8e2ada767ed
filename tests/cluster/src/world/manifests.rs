//! The smallest world that answers: a gateway `main`, an account of vendor Mock, a route `chat` and a key.

/// The gateway. Its pods are the test's own: without a node the Deployment's would wait for ever.
pub const GATEWAY: &str = "
apiVersion: weir.dev/v1alpha1
kind: LLMGateway
metadata: {name: main}
spec: {replicas: 0}
";

/// The account.
pub const PROVIDER: &str = "
apiVersion: weir.dev/v1alpha1
kind: LLMProvider
metadata: {name: mock}
spec:
  vendor: Mock
";

/// The public model `chat`.
pub const ROUTE: &str = "
apiVersion: weir.dev/v1alpha1
kind: LLMRoute
metadata: {name: chat}
spec:
  gatewayRef: {name: main}
  model: chat
  targets:
  - {name: only, providerRef: {name: mock}, model: mock-large}
";

/// A key that the operator makes, in the Secret `app-llm`.
pub const KEY: &str = "
apiVersion: weir.dev/v1alpha1
kind: LLMKey
metadata: {name: app}
spec:
  gatewayRef: {name: main}
  source: {generate: {secretName: app-llm}}
  allowedModels: ['*']
";
