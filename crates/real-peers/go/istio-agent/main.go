// Fetches a module as Istio's agent does for a proxy: through its own cache, which compares the checksum.
//
//	istio-agent FOLDER URL SHA256 [INSECURE-HOST]
//
// URL is what a WasmPlugin says: oci://…, https://… or http://…; SHA256 may be empty. With INSECURE-HOST that registry is
// asked without TLS. Prints the path of the module below FOLDER.
package main

import (
	"fmt"
	"os"
	"time"

	"istio.io/istio/pkg/log"
	"istio.io/istio/pkg/util/sets"
	"istio.io/istio/pkg/wasm"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "istio-agent:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) < 3 {
		return fmt.Errorf("usage: istio-agent FOLDER URL SHA256 [INSECURE-HOST]")
	}
	options := log.DefaultOptions()
	options.OutputPaths = []string{"stderr"}
	if err := log.Configure(options); err != nil {
		return err
	}
	cache := wasm.NewLocalFileCache(arguments[0], wasm.Options{
		PurgeInterval:         time.Hour,
		ModuleExpiry:          time.Hour,
		InsecureRegistries:    sets.New(arguments[3:]...),
		HTTPRequestTimeout:    30 * time.Second,
		HTTPRequestMaxRetries: 1,
	})
	defer cache.Cleanup()
	path, err := cache.Get(arguments[1], wasm.GetOptions{
		Checksum:       arguments[2],
		ResourceName:   "test",
		RequestTimeout: 30 * time.Second,
	})
	if err != nil {
		return err
	}
	fmt.Println(path)
	return nil
}
