// Asks Istio's own code what it makes of manifests.
//
//	istio validate FILE...     what Istio's admission webhook says about each resource
//	istio configure < REQUEST  the listeners and extension configurations that pilot sends to each proxy
//	istio bootstrap < REQUEST  the bootstrap that Istio's agent writes for Envoy
//
// Requests and answers are JSON. The answer goes to standard output; Istio's log to standard error.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"istio.io/istio/pkg/log"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "istio:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	options := log.DefaultOptions()
	options.OutputPaths = []string{"stderr"}
	options.SetDefaultOutputLevel(log.OverrideScopeName, log.WarnLevel)
	if err := log.Configure(options); err != nil {
		return err
	}
	if len(arguments) == 0 {
		return fmt.Errorf("which command? validate, configure or bootstrap")
	}
	var answer any
	var err error
	switch command := arguments[0]; command {
	case "validate":
		answer, err = validate(arguments[1:])
	case "configure":
		answer, err = withRequest(configure)
	case "bootstrap":
		answer, err = withRequest(bootstrapFor)
	default:
		return fmt.Errorf("unknown command %q", command)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(answer)
}

// withRequest reads the request from standard input and hands it over.
func withRequest[Request, Answer any](answer func(Request) (Answer, error)) (any, error) {
	var request Request
	decoder := json.NewDecoder(os.Stdin)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		return nil, fmt.Errorf("reading the request: %w", err)
	}
	return answer(request)
}
