//go:build tools

// Names what is built here, for `go mod tidy`. One module for all of them: they share most of what they are made of, which
// then is compiled once. The k8s.io modules have to be replaced, because Kubernetes' own go.mod names versions of them that
// exist in its repository only.
package tools

import (
	_ "helm.sh/helm/v3/cmd/helm"
	_ "helm.sh/helm/v4/cmd/helm"
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
)
