package main

import (
	"encoding/json"
	"fmt"

	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	"google.golang.org/protobuf/proto"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	metadatafake "k8s.io/client-go/metadata/fake"
	"k8s.io/client-go/testing"
	"sigs.k8s.io/gateway-api/pkg/consts"

	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pilot/pkg/features"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/config/constants"
	"istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/test"
	"istio.io/istio/pkg/util/protomarshal"
	"istio.io/istio/pkg/util/sets"
)

// version is what the proxies say that they are: the version of Istio that is built in.
const version = "1.31.0"

// A configureRequest names what is in the cluster, and which proxies ask pilot.
type configureRequest struct {
	// Manifests are files with resources, Istio's, Kubernetes' and the Gateway API's.
	Manifests []string `json:"manifests"`
	// Mesh is a MeshConfig in YAML; what it leaves out is Istio's default.
	Mesh    string  `json:"mesh"`
	Proxies []proxy `json:"proxies"`
}

// A proxy is an Envoy that asks pilot for its configuration.
type proxy struct {
	// Kind is sidecar, gateway or waypoint.
	Kind      string            `json:"kind"`
	Namespace string            `json:"namespace"`
	Labels    map[string]string `json:"labels"`
	// Metadata is what the pod sets in variables ISTIO_META_*.
	Metadata map[string]any `json:"metadata"`
}

// A configureAnswer has a configuration for each proxy, in the order of the request.
type configureAnswer struct {
	// Ignored names the resources that pilot does not read.
	Ignored []string        `json:"ignored"`
	Proxies []configuration `json:"proxies"`
}

// A configuration is what pilot sends to one proxy, as far as it concerns listeners.
type configuration struct {
	// Listeners are envoy.config.listener.v3.Listener.
	Listeners []json.RawMessage `json:"listeners"`
	// Extensions are the envoy.config.core.v3.TypedExtensionConfig that these listeners ask for.
	Extensions []json.RawMessage `json:"extensions"`
}

var kinds = map[string]model.NodeType{"sidecar": model.SidecarProxy, "gateway": model.Router, "waypoint": model.Waypoint}

// configure starts pilot with a cluster that holds the manifests, and lets each proxy ask.
func configure(request configureRequest) (*configureAnswer, error) {
	documents, err := readAll(request.Manifests)
	if err != nil {
		return nil, err
	}
	held, err := sort(documents)
	if err != nil {
		return nil, err
	}
	settings, err := mesh.ApplyMeshConfigDefaults(request.Mesh)
	if err != nil {
		return nil, fmt.Errorf("mesh: %w", err)
	}
	answer := &configureAnswer{Ignored: held.ignored}
	failed := test.Wrap(func(t test.Failer) {
		answer.Proxies, err = ask(t, held, settings, request.Proxies)
	})
	if err == nil {
		err = failed
	}
	return answer, err
}

func ask(t test.Failer, held *cluster, settings *meshconfig.MeshConfig, proxies []proxy) ([]configuration, error) {
	for _, asking := range proxies {
		if asking.Kind == "waypoint" {
			// Off by default in the library; Istio's ambient profile turns it on.
			test.SetForTest(t, &features.EnableAmbient, true)
		}
	}
	pilot := xds.NewFakeDiscoveryServer(t, xds.FakeOptions{
		Configs:            held.configs,
		KubernetesObjects:  held.objects,
		MeshConfig:         settings,
		KubeClientModifier: withGatewayAPI,
	})
	var answers []configuration
	for number, asking := range proxies {
		kind, known := kinds[asking.Kind]
		if !known {
			return nil, fmt.Errorf("proxy %d: unknown kind %q", number, asking.Kind)
		}
		metadata, err := asking.metadata()
		if err != nil {
			return nil, fmt.Errorf("proxy %d: %w", number, err)
		}
		node := pilot.SetupProxy(&model.Proxy{
			Type:            kind,
			ID:              fmt.Sprintf("pod-%d.%s", number, asking.Namespace),
			IPAddresses:     []string{fmt.Sprintf("10.244.0.%d", number+1)},
			ConfigNamespace: asking.Namespace,
			Labels:          asking.Labels,
			Metadata:        metadata,
		})
		listeners := pilot.Listeners(node)
		extensions := pilot.ConfigGen.BuildExtensionConfiguration(node, pilot.PushContext(), discovered(listeners), nil)
		var answered configuration
		if answered.Listeners, err = asJSON(listeners); err != nil {
			return nil, err
		}
		if answered.Extensions, err = asJSON(extensions); err != nil {
			return nil, err
		}
		answers = append(answers, answered)
	}
	return answers, nil
}

// withGatewayAPI lets the cluster's CRDs say which release of the Gateway API they are of, as real ones do. Pilot passes
// over routes whose CRDs do not say it.
func withGatewayAPI(client kube.Client) {
	metadata, isFake := client.Metadata().(*metadatafake.FakeMetadataClient)
	if !isFake {
		return
	}
	metadata.PrependReactor("*", "customresourcedefinitions", func(action testing.Action) (bool, runtime.Object, error) {
		if creating, ok := action.(interface{ GetObject() runtime.Object }); ok {
			if crd, ok := creating.GetObject().(*metav1.PartialObjectMetadata); ok {
				crd.Annotations = map[string]string{consts.BundleVersionAnnotation: consts.BundleVersion}
			}
		}
		// The fake goes on with it.
		return false, nil, nil
	})
}

// metadata is what Istio's agent says about its pod.
func (p proxy) metadata() (*model.NodeMetadata, error) {
	metadata := &model.NodeMetadata{}
	if p.Metadata != nil {
		text, err := json.Marshal(p.Metadata)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, metadata); err != nil {
			return nil, fmt.Errorf("metadata: %w", err)
		}
	}
	metadata.IstioVersion = version
	metadata.Namespace = p.Namespace
	metadata.Labels = p.Labels
	metadata.ClusterID = constants.DefaultClusterName
	return metadata, nil
}

// discovered names the extensions that the listeners leave to be asked for: what Envoy then asks for.
func discovered(listeners []*listener.Listener) []string {
	names := sets.New[string]()
	for _, one := range listeners {
		chains := one.FilterChains
		if one.DefaultFilterChain != nil {
			chains = append(chains[:len(chains):len(chains)], one.DefaultFilterChain)
		}
		for _, chain := range chains {
			for _, filter := range chain.Filters {
				if filter.GetConfigDiscovery() != nil {
					names.Insert(filter.Name)
				}
			}
		}
	}
	// Several chains may ask for the same one.
	return sets.SortedList(names)
}

func asJSON[Message proto.Message](messages []Message) ([]json.RawMessage, error) {
	texts := []json.RawMessage{}
	for _, message := range messages {
		text, err := protomarshal.Marshal(message)
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, nil
}
