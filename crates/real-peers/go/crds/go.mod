module crds

go 1.21

require (
	github.com/prometheus-operator/prometheus-operator v0.94.1
	istio.io/api v1.31.1
	sigs.k8s.io/gateway-api v1.6.0
)
