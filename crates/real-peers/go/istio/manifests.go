package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kubeyaml "k8s.io/apimachinery/pkg/util/yaml"
	gateway "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"

	"istio.io/istio/pilot/pkg/config/kube/crd"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/constants"
	"istio.io/istio/pkg/config/schema/collections"
	"istio.io/istio/pkg/config/schema/resource"
	"istio.io/istio/pkg/kube"
)

// A document is one resource of a manifest file.
type document struct {
	file string
	json []byte
	kind schema.GroupVersionKind
	meta metav1.ObjectMeta
}

func (d document) String() string {
	return fmt.Sprintf("%s: %s %s", d.file, d.kind.Kind, d.meta.Name)
}

// read returns the resources of a file that may hold several YAML documents; empty documents are passed over.
func read(file string) ([]document, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var documents []document
	reader := kubeyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		part, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		asJSON, err := yaml.YAMLToJSONStrict(part)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if bytes.Equal(bytes.TrimSpace(asJSON), []byte("null")) {
			continue
		}
		var head struct {
			metav1.TypeMeta   `json:",inline"`
			metav1.ObjectMeta `json:"metadata"`
		}
		if err := json.Unmarshal(asJSON, &head); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		documents = append(documents, document{file, asJSON, head.GroupVersionKind(), head.ObjectMeta})
	}
}

// readAll is read for several files.
func readAll(files []string) ([]document, error) {
	var all []document
	for _, file := range files {
		documents, err := read(file)
		if err != nil {
			return nil, err
		}
		all = append(all, documents...)
	}
	return all, nil
}

// istioSchema says how Istio reads this kind, if it is one of Istio's own.
func (d document) istioSchema() (resource.Schema, bool) {
	return collections.Pilot.FindByGroupVersionAliasesKind(resource.FromKubernetesGVK(&d.kind))
}

// istioConfig reads one of Istio's resources as istiod does.
func (d document) istioConfig(schema resource.Schema) (*config.Config, error) {
	var object crd.IstioKind
	if err := json.Unmarshal(d.json, &object); err != nil {
		return nil, err
	}
	return crd.ConvertObject(schema, &object, constants.DefaultClusterLocalDomain)
}

// cluster is what an API server would hold, as far as pilot reads it.
type cluster struct {
	configs []config.Config
	objects []runtime.Object
	// ignored names what pilot does not read.
	ignored []string
}

// sort puts each resource where pilot looks for it, and gives it what it would get in a cluster: a namespace, a Service
// its address, a Gateway what istiod deploys for it.
func sort(documents []document) (*cluster, error) {
	held := &cluster{}
	decoder := kube.IstioCodec.UniversalDeserializer()
	for _, document := range documents {
		if schema, known := document.istioSchema(); known {
			converted, err := document.istioConfig(schema)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", document, err)
			}
			if converted.Namespace == "" {
				converted.Namespace = metav1.NamespaceDefault
			}
			held.configs = append(held.configs, *converted)
			continue
		}
		object, _, err := decoder.Decode(document.json, nil, nil)
		if runtime.IsNotRegisteredError(err) {
			held.ignored = append(held.ignored, document.String())
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", document, err)
		}
		if accessor, ok := object.(metav1.Object); ok && accessor.GetNamespace() == "" && document.kind.Kind != "Namespace" {
			accessor.SetNamespace(metav1.NamespaceDefault)
		}
		switch object := object.(type) {
		case *corev1.Service:
			complete(object, len(held.objects))
		case *gateway.Gateway:
			held.objects = append(held.objects, deployed(object, len(held.objects))...)
		}
		held.objects = append(held.objects, object)
	}
	return held, nil
}

// complete fills in what the API server would: the address, and each port's target.
func complete(service *corev1.Service, number int) {
	if service.Spec.ClusterIP == "" && service.Spec.Type != corev1.ServiceTypeExternalName {
		service.Spec.ClusterIP = fmt.Sprintf("10.96.%d.%d", number/250, number%250+1)
	}
	for i := range service.Spec.Ports {
		port := &service.Spec.Ports[i]
		if port.TargetPort.IntVal == 0 && port.TargetPort.StrVal == "" {
			port.TargetPort.IntVal = port.Port
		}
		if port.Protocol == "" {
			port.Protocol = corev1.ProtocolTCP
		}
	}
}
