package secretpaths_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration/secretpaths"
	"github.com/portico-dev/portico/integration/subject"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/internal/testkit/vaulttest"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/vault"
)

var ada = identity.Principal{Kind: identity.KindUser, Subject: "user:default/ada", Ownership: []string{"user:default/ada"}}

var shop = entity.Ref{Kind: "Component", Namespace: "default", Name: "shop"}

// annotated is a catalog with the component shop.
type annotated map[string]any

func (a annotated) EntityByRef(_ context.Context, _ identity.Principal, ref entity.Ref) (entity.Entity, error) {
	if ref.String() != shop.String() {
		return nil, fault.New(fault.NotFound, "no %s", ref)
	}
	return entity.Entity{"kind": "Component", "metadata": map[string]any{"name": "shop", "annotations": map[string]any(a)}}, nil
}

// at is a catalog in which the secrets of shop are at a place.
func at(engine, path string) annotated {
	return annotated{"vault.io/secrets-engine": engine, "vault.io/secrets-path": path}
}

func of(t *testing.T, catalog annotated, sessions *vault.Sessions) secretpaths.Listing {
	t.Helper()
	service := secretpaths.New(secretpaths.Options{Entities: subject.Finder{Catalog: catalog, Decider: policy.AllowKnown{}}, Sessions: sessions, Engine: "kv", PublicURL: "https://vault.example.com/"})
	listing, err := service.Of(t.Context(), ada, shop)
	require.NoError(t, err)
	return listing
}

func TestTheSecretsOfAnEntity(t *testing.T) {
	t.Parallel()
	server := vaulttest.Start(t)
	for _, name := range []string{"shop/database", "shop/mail/smtp", "shop/mail/imap", "shop 100%/key?", "other/key"} {
		server.Put(t, name, map[string]any{"password": "hunter2"})
	}
	root := vault.NewSessions(vault.Settings{Address: server.Address, Token: server.RootToken})
	const pages = "https://vault.example.com/ui/vault/secrets/kv/show/"
	secret := func(path, page string) secretpaths.Secret {
		return secretpaths.Secret{Engine: "kv", Path: path, URL: pages + page}
	}
	ofShop := []secretpaths.Secret{secret("shop/database", "shop/database"), secret("shop/mail/imap", "shop/mail/imap"), secret("shop/mail/smtp", "shop/mail/smtp")}
	invalid := "The annotations vault.io/secrets-path and vault.io/secrets-engine of the entity are not the path of secrets: correct them where the entity is described."
	for name, test := range map[string]struct {
		catalog  annotated
		expected secretpaths.Listing
	}{
		"of a folder":              {annotated{"vault.io/secrets-path": "shop"}, secretpaths.Listing{Secrets: ofShop}},
		"of an engine":             {at("kv/", "/shop/mail/"), secretpaths.Listing{Secrets: ofShop[1:]}},
		"with odd names":           {at("kv", "shop 100%"), secretpaths.Listing{Secrets: []secretpaths.Secret{secret("shop 100%/key?", "shop%20100%25/key%3F")}}},
		"of an empty folder":       {at("kv", "nothing"), secretpaths.Listing{}},
		"no annotation":            {annotated{}, secretpaths.Listing{}},
		"no path":                  {annotated{"vault.io/secrets-engine": "kv"}, secretpaths.Listing{}},
		"an engine of version 1":   {at("kv1", "shop"), secretpaths.Listing{Problem: "The secrets engine kv1/ cannot be asked: the secrets engine is not KV of version 2."}},
		"an engine of another":     {at("sys", "shop"), secretpaths.Listing{Problem: "The secrets engine sys/ cannot be asked: the secrets engine is not KV of version 2."}},
		"no engine":                {at("none", "shop"), secretpaths.Listing{Problem: "The secrets engine none/ cannot be asked: there is no such secrets engine in Vault, or Portico's token has no right there."}},
		"a folder as the engine":   {at("kv/shop", "mail"), secretpaths.Listing{Problem: "The secrets engine kv/shop/ cannot be asked: there is no such secrets engine in Vault, or Portico's token has no right there."}},
		"a path that leads away":   {at("kv", "../../sys/policies/acl"), secretpaths.Listing{Problem: invalid}},
		"an engine that does":      {at("kv/../sys", "shop"), secretpaths.Listing{Problem: invalid}},
		"a path with a line break": {at("kv", "shop\nother"), secretpaths.Listing{Problem: invalid}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.expected, of(t, test.catalog, root))
		})
	}
	t.Run("the whole engine", func(t *testing.T) {
		t.Parallel()
		require.Len(t, of(t, at("kv", "/"), root).Secrets, 5)
	})
	t.Run("a token without the right", func(t *testing.T) {
		t.Parallel()
		require.NoError(t, server.Client.Sys().PutPolicyWithContext(t.Context(), "reader", `path "kv/data/*" { capabilities = ["read"] }`))
		answer, err := server.Client.Logical().WriteWithContext(t.Context(), "auth/token/create", map[string]any{"policies": []string{"reader"}})
		require.NoError(t, err)
		reader := vault.NewSessions(vault.Settings{Address: server.Address, Token: answer.Auth.ClientToken})
		require.Equal(t, secretpaths.Listing{Problem: "The secrets in kv/shop cannot be listed: Vault refuses it to Portico's token, whose policy needs the right to list there."},
			of(t, at("kv", "shop"), reader))
	})
}

func TestAListingIsBounded(t *testing.T) {
	t.Parallel()
	server := vaulttest.Start(t)
	root := vault.NewSessions(vault.Settings{Address: server.Address, Token: server.RootToken})
	for n := range 201 {
		server.Put(t, fmt.Sprintf("many/%03d", n), map[string]any{"a": "b"})
	}
	for n := range 51 {
		server.Put(t, fmt.Sprintf("folders/%02d/key", n), map[string]any{"a": "b"})
	}
	many := of(t, at("kv", "many"), root)
	require.Len(t, many.Secrets, 200)
	require.Equal(t, "Only the first 200 secrets are shown.", many.Problem)
	folders := of(t, at("kv", "folders"), root)
	require.Len(t, folders.Secrets, 49)
	require.Equal(t, "Only the secrets of 50 folders are shown.", folders.Problem)
}

// TestAListingIsShownAgain: for a moment, Vault is not asked again.
func TestAListingIsShownAgain(t *testing.T) {
	t.Parallel()
	server := vaulttest.Start(t)
	server.Put(t, "shop/database", map[string]any{"password": "hunter2"})
	service := secretpaths.New(secretpaths.Options{Entities: subject.Finder{Catalog: at("kv", "shop"), Decider: policy.AllowKnown{}},
		Sessions: vault.NewSessions(vault.Settings{Address: server.Address, Token: server.RootToken})})
	first, err := service.Of(t.Context(), ada, shop)
	require.NoError(t, err)
	require.Equal(t, []secretpaths.Secret{{Engine: "kv", Path: "shop/database"}}, first.Secrets, "without an address for people, there is no link")
	server.Put(t, "shop/mail", map[string]any{"password": "hunter2"})
	again, err := service.Of(t.Context(), ada, shop)
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.Eventually(t, func() bool {
		later, err := service.Of(t.Context(), ada, shop)
		return err == nil && len(later.Secrets) == 2
	}, time.Minute, 200*time.Millisecond)
}

func TestWithoutAVault(t *testing.T) {
	t.Parallel()
	require.Empty(t, of(t, at("kv", "shop"), vault.NewSessions(vault.Settings{})), "none is configured")
	down := of(t, at("kv", "shop"), vault.NewSessions(vault.Settings{Address: "http://127.0.0.1:1", Token: "hunter2"}))
	require.Empty(t, down.Secrets)
	require.Contains(t, down.Problem, "The secrets engine kv/ cannot be asked: no answer from Vault")
}

func TestOnlyThoseWhoMayReadSeeIt(t *testing.T) {
	t.Parallel()
	service := func(decider policy.Decider) *secretpaths.Service {
		return secretpaths.New(secretpaths.Options{Entities: subject.Finder{Catalog: at("kv", "shop"), Decider: decider}, Sessions: vault.NewSessions(vault.Settings{})})
	}
	_, err := service(policytest.Table{policy.VaultRead: policytest.Deny}).Of(t.Context(), ada, shop)
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	_, err = service(policy.AllowKnown{}).Of(t.Context(), ada, entity.Ref{Kind: "Component", Namespace: "default", Name: "hidden"})
	require.Equal(t, fault.NotFound, fault.KindOf(err))
}
