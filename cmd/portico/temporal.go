package main

import (
	"errors"
	"net/url"

	"github.com/portico-dev/portico/api"
)

// temporalPages is where links to the Temporal Web UI lead: uiUrl or, when Portico serves it, the page of the
// portal that opens it.
func (p *platform) temporalPages(options serverOptions) string {
	if p.config.Portico.Temporal.UIUpstream != "" {
		return p.config.App.BaseURL + "/temporal"
	}
	return options.temporalUI
}

// temporalPlugins serve the Temporal Web UI behind the sign-in, if there is one to serve.
func (p *platform) temporalPlugins() ([]api.Plugin, error) {
	configured := p.config.Portico.Temporal
	if configured.UIUpstream == "" {
		return nil, nil
	}
	upstream, err := url.Parse(string(configured.UIUpstream))
	if err != nil {
		return nil, errors.New("portico.temporal.uiUpstream is no URL") // the cause may contain its password
	}
	return []api.Plugin{api.NewTemporalPlugin(api.TemporalOptions{Log: p.log, Decider: p.decider, Upstream: upstream, Namespace: p.target.Namespace,
		BaseURL: p.config.Backend.BaseURL})}, nil
}
