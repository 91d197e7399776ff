//go:build !slim

package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/integration/kubernetes"
	"github.com/portico-dev/portico/internal/devstack/servers"
	"github.com/portico-dev/portico/internal/devstack/standin"
)

// devKubernetes is the name of the cluster of --with kubernetes.
const devKubernetes = "dev"

// further are the parts that --with adds. Each starts its part, unless the configuration has one, and adds it to the
// configuration. stop is nil when nothing was started.
var further = map[string]func(d *dev, ctx context.Context, loaded *config.Config) (stop func(context.Context) error, err error){
	"kubernetes": (*dev).startKubernetes,
	"vault":      (*dev).startVault,
	"argocd":     (*dev).startArgoCD,
	"pagerduty":  (*dev).startPagerDuty,
	"slack":      (*dev).startSlack,
}

// checkWith refuses parts that are not known before anything is started.
func (d *dev) checkWith() error {
	for _, name := range d.with {
		if further[name] == nil {
			return fmt.Errorf("--with %s: there is no such part; the parts are %s", name, strings.Join(slices.Sorted(maps.Keys(further)), ", "))
		}
	}
	return nil
}

// startFurther starts the parts of --with. The caller calls stop, also after an error.
func (d *dev) startFurther(ctx context.Context, loaded *config.Config, log *slog.Logger) (stop func(), err error) {
	var started []func()
	stop = func() {
		for _, each := range slices.Backward(started) {
			each()
		}
	}
	for _, name := range d.with {
		ends, err := further[name](d, ctx, loaded)
		if err != nil {
			return stop, err
		}
		if ends != nil {
			started = append(started, func() { d.stop(ctx, name, log, ends) })
		}
	}
	return stop, nil
}

// startKubernetes starts an API server, which is the cluster dev.
func (d *dev) startKubernetes(ctx context.Context, loaded *config.Config) (func(context.Context) error, error) {
	server, err := d.startServer(ctx, "Kubernetes", servers.Kubernetes, len(loaded.Kubernetes.ClusterLocatorMethods) > 0)
	if server == nil {
		return nil, err
	}
	authority, err := os.ReadFile(server.Printed[2])
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the certificate of kube-apiserver: %w", err), server.Stop(ctx))
	}
	loaded.Kubernetes.ClusterLocatorMethods = []config.KubernetesLocator{{Type: kubernetes.MethodConfig, Clusters: []config.KubernetesCluster{{
		Name: devKubernetes, URL: server.Printed[0], AuthProvider: kubernetes.AuthServiceAccount, ServiceAccountToken: config.Secret(server.Printed[1]),
		CAData: base64.StdEncoding.EncodeToString(authority)}}}}
	return server.Stop, nil
}

// startVault starts a Vault with its data in memory.
func (d *dev) startVault(ctx context.Context, loaded *config.Config) (func(context.Context) error, error) {
	server, err := d.startServer(ctx, "Vault", servers.Vault, loaded.Vault.BaseURL != "" || os.Getenv("VAULT_ADDR") != "")
	if server == nil {
		return nil, err
	}
	loaded.Vault = config.Vault{BaseURL: server.Printed[0], Auth: config.VaultAuth{Type: "static", Secret: config.Secret(server.Printed[1])}}
	return server.Stop, nil
}

// startServer starts a server, nil when the configuration has one.
func (d *dev) startServer(ctx context.Context, part string, binary servers.Binary, isConfigured bool) (*servers.Server, error) {
	if isConfigured {
		d.parts.tell(part, "configured")
		return nil, nil
	}
	d.parts.tell(part, "starting")
	server, err := binary.Start(ctx)
	if err == nil {
		d.parts.tell(part, "ready")
	}
	return server, err
}

// startArgoCD starts a stand-in for Argo CD, which is the instance main.
func (d *dev) startArgoCD(ctx context.Context, loaded *config.Config) (func(context.Context) error, error) {
	if len(loaded.ArgoCD.AppLocatorMethods) > 0 {
		d.parts.tell("Argo CD", "configured")
		return nil, nil
	}
	server := standin.NewArgoCD()
	server.Deploy()
	address, stop, err := d.startStandIn(ctx, "Argo CD", server)
	loaded.ArgoCD.AppLocatorMethods = []config.ArgoCDLocator{{Type: "config", Instances: []config.ArgoCDInstance{
		{Name: "main", URL: address, Token: standin.ArgoCDToken}}}}
	return stop, err
}

func (d *dev) startPagerDuty(ctx context.Context, loaded *config.Config) (func(context.Context) error, error) {
	return d.startBehindProxy(ctx, loaded, "PagerDuty", "/pagerduty", "", &standin.PagerDuty{}, "Token token=stand-in")
}

func (d *dev) startSlack(ctx context.Context, loaded *config.Config) (func(context.Context) error, error) {
	return d.startBehindProxy(ctx, loaded, "Slack", "/slack", "/api", &standin.Slack{}, "Bearer stand-in")
}

// startBehindProxy starts a stand-in that templates reach through an endpoint of the proxy.
func (d *dev) startBehindProxy(
	ctx context.Context, loaded *config.Config, part, route, path string, handler http.Handler, credentials string,
) (func(context.Context) error, error) {
	if _, isConfigured := loaded.Proxy.Endpoints[route]; isConfigured {
		d.parts.tell(part, "configured")
		return nil, nil
	}
	address, stop, err := d.startStandIn(ctx, part, handler)
	if err != nil {
		return nil, err
	}
	if loaded.Proxy.Endpoints == nil {
		loaded.Proxy.Endpoints = map[string]config.ProxyEndpoint{}
	}
	loaded.Proxy.Endpoints[route] = config.ProxyEndpoint{Target: address + path, ChangeOrigin: true, Secure: true,
		Headers: map[string]config.Secret{"Authorization": config.Secret(credentials)}}
	return stop, nil
}

// startStandIn serves a stand-in on a free port of this machine.
func (d *dev) startStandIn(ctx context.Context, part string, handler http.Handler) (address string, stop func(context.Context) error, err error) {
	part += " (stand-in)"
	d.parts.tell(part, "starting")
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", part, err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }() // Shutdown ends it
	d.parts.tell(part, "ready")
	return "http://" + listener.Addr().String(), server.Shutdown, nil
}
