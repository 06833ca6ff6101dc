package main

import (
	"errors"

	"github.com/hashicorp/go-multierror"

	"istio.io/istio/pkg/config/validation"
	// Registers the check of EnvoyFilters, and the Envoy types that they hold.
	_ "istio.io/istio/pkg/config/validation/envoyfilter"
)

// A verdict is what Istio says about one resource.
type verdict struct {
	File string `json:"file"`
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Istio is false for a kind that is not Istio's, which nothing was said about.
	Istio    bool     `json:"istio"`
	Errors   []string `json:"errors"`
	Warnings []string `json:"warnings"`
}

func validate(files []string) ([]verdict, error) {
	documents, err := readAll(files)
	if err != nil {
		return nil, err
	}
	verdicts := []verdict{}
	for _, document := range documents {
		said := verdict{
			File: document.file, Kind: document.kind.Kind, Name: document.meta.Name,
			Errors: []string{}, Warnings: []string{},
		}
		if schema, known := document.istioSchema(); known {
			said.Istio = true
			converted, err := document.istioConfig(schema)
			var warning validation.Warning
			if err == nil {
				warning, err = schema.ValidateConfig(*converted)
			}
			said.Errors = append(said.Errors, each(err)...)
			said.Warnings = append(said.Warnings, each(warning)...)
		}
		verdicts = append(verdicts, said)
	}
	return verdicts, nil
}

// each takes a list of errors apart.
func each(err error) []string {
	var several *multierror.Error
	if errors.As(err, &several) {
		texts := []string{}
		for _, one := range several.Errors {
			texts = append(texts, one.Error())
		}
		return texts
	}
	if err != nil {
		return []string{err.Error()}
	}
	return nil
}
