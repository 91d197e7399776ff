package api_test

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/argocd"
	"github.com/portico-dev/portico/integration/argocd/applications"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/integration/subject"
	"github.com/portico-dev/portico/internal/testkit/argocdtest"
	"github.com/portico-dev/portico/policy"
)

// annotatedEntity is a catalog with the component shop, which has the application shop.
type annotatedEntity struct{ oneEntity }

func (a annotatedEntity) EntityByRef(ctx context.Context, principal identity.Principal, ref entity.Ref) (entity.Entity, error) {
	found, err := a.oneEntity.EntityByRef(ctx, principal, ref)
	if err == nil {
		found.Metadata()["annotations"] = map[string]any{"argocd/app-name": "shop"}
	}
	return found, err
}

func TestTheApplicationsOfAnEntityAreServed(t *testing.T) {
	t.Parallel()
	argo := argocdtest.Start(t, nil)
	argo.Add("application", `{"metadata":{"name":"shop"},"spec":{"project":"team","destination":{"namespace":"shop","name":"in-cluster"},"source":{"path":"deploy","repoURL":"https://github.com/acme/shop.git"}}}`)
	argo.Progress(`{"sync":{"status":"Synced","revision":"0123456789abcdef0123456789abcdef01234567"},"health":{"status":"Healthy"}}`)
	instances, err := argocd.New(argocd.Options{Transport: http.DefaultTransport, Instances: []argocd.Instance{
		{Name: "main", URL: argo.URL, Token: argocdtest.Token}, {Name: "prod", URL: argo.URL, Token: "revoked"}}})
	require.NoError(t, err)
	hosts, err := forges.New(forges.Config{}, integration.Options{})
	require.NoError(t, err)
	server := newServer(t, io.Discard, func(options *api.Options) {
		options.Plugins = append(options.Plugins, api.NewArgoCDPlugin(applications.New(applications.Options{Instances: instances,
			Entities: subject.Finder{Catalog: annotatedEntity{}, Decider: policy.AllowKnown{}}, Hosts: hosts})))
	})
	answer := ask(t, server, http.MethodGet, "/api/portico/v1/entities/by-name/component/default/shop/argocd", "")
	require.Equal(t, http.StatusOK, answer.Code)
	require.JSONEq(t, `{"items":[{"instance":"main","namespace":"argocd","name":"shop","project":"team","url":"`+argo.URL+`/applications/argocd/shop",
		"destination":{"cluster":"in-cluster","namespace":"shop"},"sync":"Synced","health":"Healthy","images":[],"conditions":[],"history":[],
		"revisions":[{"id":"0123456789abcdef0123456789abcdef01234567","url":"https://github.com/acme/shop/commit/0123456789abcdef0123456789abcdef01234567",
			"repository":"https://github.com/acme/shop.git"}]}],
		"problems":[{"source":"prod","message":"listing the applications on Argo CD prod: no session information. Renew the token of the instance 'prod' in argocd.appLocatorMethods, then retry."}]}`,
		answer.Body.String())
	require.Equal(t, http.StatusNotFound, ask(t, server, http.MethodGet, "/api/portico/v1/entities/by-name/component/default/other/argocd", "").Code)
}
