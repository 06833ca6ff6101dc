package main

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	gateway "sigs.k8s.io/gateway-api/apis/v1"
)

// A gatewayClass is one that istiod defines, and what the Services are called that it makes for such Gateways.
type gatewayClass struct {
	controller gateway.GatewayController
	suffix     string
}

var gatewayClasses = map[gateway.ObjectName]gatewayClass{
	"istio":          {"istio.io/gateway-controller", "-istio"},
	"istio-waypoint": {"istio.io/mesh-controller", ""},
}

// deployed returns what istiod makes of a Gateway of one of its classes, and fills in the address that it reports: the
// class, and a Service in front of the gateway's pods.
func deployed(asked *gateway.Gateway, number int) []runtime.Object {
	class, known := gatewayClasses[asked.Spec.GatewayClassName]
	if !known {
		return nil
	}
	chosen := map[string]string{"gateway.networking.k8s.io/gateway-name": asked.Name}
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: asked.Name + class.suffix, Namespace: asked.Namespace, Labels: chosen},
		Spec:       corev1.ServiceSpec{Selector: chosen},
	}
	for _, listener := range asked.Spec.Listeners {
		protocol := "tcp"
		if listener.Protocol == "HBONE" {
			protocol = "hbone"
		}
		service.Spec.Ports = append(service.Spec.Ports, corev1.ServicePort{
			Name: string(listener.Name), Port: int32(listener.Port), AppProtocol: &protocol,
		})
	}
	complete(service, number)
	addressType := gateway.IPAddressType
	asked.Status.Addresses = []gateway.GatewayStatusAddress{{Type: &addressType, Value: service.Spec.ClusterIP}}
	definition := &gateway.GatewayClass{
		ObjectMeta: metav1.ObjectMeta{Name: string(asked.Spec.GatewayClassName)},
		Spec:       gateway.GatewayClassSpec{ControllerName: class.controller},
	}
	return []runtime.Object{definition, service}
}
