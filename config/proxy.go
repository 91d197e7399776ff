package config

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// Proxy is Backstage's proxy-backend: servers that callers reach through Portico.
type Proxy struct {
	Endpoints map[string]ProxyEndpoint `yaml:"endpoints"`
	// SkipInvalidProxies leaves invalid endpoints out instead of failing.
	SkipInvalidProxies bool `yaml:"skipInvalidProxies"`
	// Legacy are the endpoints in their older place, directly below proxy. They count if Endpoints is empty.
	Legacy map[string]ProxyEndpoint `yaml:",inline"`
}

// ProxyEndpoint is a server behind the proxy.
type ProxyEndpoint struct {
	Target          string            `yaml:"target"`
	PathRewrite     PathRewrite       `yaml:"pathRewrite"`
	Headers         map[string]Secret `yaml:"headers"`
	ChangeOrigin    bool              `yaml:"changeOrigin"`
	Secure          bool              `yaml:"secure"`
	FollowRedirects bool              `yaml:"followRedirects"`
	AllowedMethods  []string          `yaml:"allowedMethods"`
	AllowedHeaders  []string          `yaml:"allowedHeaders"`
	Credentials     string            `yaml:"credentials"`
}

// PathRewrite are the rules of an endpoint in their order. Nil are none, for which there is a default.
type PathRewrite []PathRule

// PathRule replaces what a regular expression matches.
type PathRule struct{ Pattern, Replacement string }

// UnmarshalYAML reads an object, whose order counts.
func (r *PathRewrite) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.MappingNode {
		return fmt.Errorf("pathRewrite is no object")
	}
	*r = PathRewrite{}
	for n := 0; n+1 < len(node.Content); n += 2 {
		*r = append(*r, PathRule{node.Content[n].Value, node.Content[n+1].Value})
	}
	return nil
}
