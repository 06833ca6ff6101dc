package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"istio.io/istio/pkg/bootstrap"
	"istio.io/istio/pkg/config/mesh"
)

// A bootstrapRequest says which pod the agent stands in.
type bootstrapRequest struct {
	// Template is Istio's envoy_bootstrap.json.
	Template string `json:"template"`
	// Mesh is a MeshConfig in YAML; its defaultConfig counts here.
	Mesh string `json:"mesh"`
	// Annotations of the pod.
	Annotations map[string]string `json:"annotations"`
}

// bootstrapFor writes the bootstrap as Istio's agent does when it starts Envoy.
func bootstrapFor(request bootstrapRequest) (json.RawMessage, error) {
	settings, err := mesh.ApplyMeshConfigDefaults(request.Mesh)
	if err != nil {
		return nil, fmt.Errorf("mesh: %w", err)
	}
	annotations, err := json.Marshal(map[string]any{"ANNOTATIONS": request.Annotations})
	if err != nil {
		return nil, err
	}
	node, err := bootstrap.GetNodeMetaData(bootstrap.MetadataOptions{
		ID:          "sidecar~10.244.0.1~pod-0.default~default.svc.cluster.local",
		Envs:        []string{"ISTIO_METAJSON_ANNOTATIONS=" + string(annotations)},
		InstanceIPs: []string{"10.244.0.1"},
		ProxyConfig: settings.DefaultConfig,
	})
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := bootstrap.New(bootstrap.Config{Node: node}).WriteTo(request.Template, &text); err != nil {
		return nil, err
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text.Bytes()); err != nil {
		return nil, fmt.Errorf("the bootstrap is not JSON: %w", err)
	}
	return compact.Bytes(), nil
}
