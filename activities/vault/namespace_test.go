package vault_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/require"

	actions "github.com/portico-dev/portico/activities/vault"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/apitest"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/internal/testkit/vaulttest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/vault"
)

// enterprise puts namespaces in front of a real Vault, which has none: sys/health and sys/namespaces follow the
// description that HashiCorp publishes of Vault Enterprise. What is mounted in a namespace is a mount of the real Vault
// whose path begins with the namespace's, as Vault has it, too.
type enterprise struct {
	vaulttest.Vault

	proxy *httputil.ReverseProxy
	// isCommunity has sys/health say so.
	isCommunity bool

	mutex sync.Mutex
	made  int
	// namespaces are the custom metadata by path, and ids the identifiers.
	namespaces map[string]map[string]any
	ids        map[string]string
}

func startEnterprise(t testing.TB) *enterprise {
	t.Helper()
	e := &enterprise{Vault: vaulttest.Start(t), namespaces: map[string]map[string]any{}, ids: map[string]string{}}
	address, err := url.Parse(e.Address)
	require.NoError(t, err)
	e.proxy = httputil.NewSingleHostReverseProxy(address)
	return e
}

func (e *enterprise) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	namespace := strings.Trim(r.Header.Get("X-Vault-Namespace"), "/")
	r.Header.Del("X-Vault-Namespace")
	path := strings.TrimPrefix(r.URL.Path, "/v1/")
	switch name, isOne := strings.CutPrefix(path, "sys/namespaces/"); {
	case path == "sys/health" && namespace == "":
		apitest.JSON(w, http.StatusOK, map[string]any{"initialized": true, "sealed": false, "version": "1.19.0+ent", "enterprise": !e.isCommunity})
	case isOne:
		e.namespace(w, r, strings.TrimPrefix(namespace+"/"+name, "/"))
	case path == "sys/namespaces":
		e.list(w, namespace)
	case namespace == "":
		e.proxy.ServeHTTP(w, r)
	default:
		e.within(w, r, namespace, path)
	}
}

// namespace answers for sys/namespaces/:path.
func (e *enterprise) namespace(w http.ResponseWriter, r *http.Request, path string) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	_, exists := e.namespaces[path]
	switch {
	case r.Method == http.MethodPut && !exists:
		var sent struct {
			Metadata map[string]any `json:"custom_metadata"`
		}
		content, _ := io.ReadAll(r.Body)
		if json.Unmarshal(content, &sent) != nil {
			apitest.JSON(w, http.StatusBadRequest, map[string]any{"errors": []string{"failed to parse JSON input"}})
			return
		}
		e.add(path, sent.Metadata)
	case r.Method == http.MethodPut:
		// What the description does not say: the namespace stays as it is.
	case !exists:
		apitest.JSON(w, http.StatusNotFound, map[string]any{"errors": []string{}})
		return
	case r.Method == http.MethodDelete:
		delete(e.namespaces, path)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	apitest.JSON(w, http.StatusOK, map[string]any{"data": map[string]any{"id": e.ids[path], "path": path + "/", "custom_metadata": e.namespaces[path]}})
}

func (e *enterprise) add(path string, metadata map[string]any) {
	e.made++
	e.namespaces[path], e.ids[path] = metadata, fmt.Sprint("id", e.made)
}

func (e *enterprise) list(w http.ResponseWriter, below string) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	names := []string{}
	for path := range e.namespaces {
		if name, is := strings.CutPrefix(path, below+"/"); is {
			names = append(names, name+"/")
		}
	}
	if len(names) == 0 {
		apitest.JSON(w, http.StatusNotFound, map[string]any{"errors": []string{}})
		return
	}
	apitest.JSON(w, http.StatusOK, map[string]any{"data": map[string]any{"keys": names}})
}

// within answers for what is in a namespace.
func (e *enterprise) within(w http.ResponseWriter, r *http.Request, namespace, path string) {
	e.mutex.Lock()
	_, exists := e.namespaces[namespace]
	e.mutex.Unlock()
	switch {
	case !exists:
		apitest.JSON(w, http.StatusNotFound, map[string]any{"errors": []string{"namespace not found"}})
	case path == "sys/auth":
		apitest.JSON(w, http.StatusOK, map[string]any{"data": map[string]any{"token/": map[string]any{"type": "ns_token"}}})
	case path == "sys/policies/acl":
		apitest.JSON(w, http.StatusOK, map[string]any{"data": map[string]any{"keys": []string{"default"}}})
	case strings.HasPrefix(path, "sys/policies/acl/"):
		e.proxy.ServeHTTP(w, r) // the policies of all namespaces are in one place here
	case path == "sys/mounts":
		e.mounts(w, r, namespace)
	default:
		for _, prefix := range []string{"sys/mounts/", "sys/internal/ui/mounts/", ""} {
			if rest, is := strings.CutPrefix(path, prefix); is {
				r.URL.Path = "/v1/" + prefix + namespace + "/" + rest
				break
			}
		}
		if !strings.Contains(path, "internal/ui") {
			e.proxy.ServeHTTP(w, r)
			return
		}
		// The answer has the path within the namespace.
		answer := httptest.NewRecorder()
		e.proxy.ServeHTTP(answer, r)
		maps.Copy(w.Header(), answer.Header())
		w.Header().Del("Content-Length")
		w.WriteHeader(answer.Code)
		_, _ = io.WriteString(w, strings.ReplaceAll(answer.Body.String(), `"path":"`+namespace+`/`, `"path":"`)) // the caller may be gone
	}
}

func (e *enterprise) mounts(w http.ResponseWriter, r *http.Request, namespace string) {
	mounts, err := e.Client.Sys().ListMountsWithContext(r.Context())
	if err != nil {
		apitest.JSON(w, http.StatusInternalServerError, nil)
		return
	}
	inside := map[string]any{"sys/": map[string]any{"type": "ns_system"}, "identity/": map[string]any{"type": "ns_identity"}, "cubbyhole/": map[string]any{"type": "ns_cubbyhole"}}
	for path, mount := range mounts {
		if name, is := strings.CutPrefix(path, namespace+"/"); is {
			inside[name] = mount
		}
	}
	apitest.JSON(w, http.StatusOK, map[string]any{"data": inside})
}

// serve is the server behind something, and the actions on it.
func (e *enterprise) serve(t testing.TB, wrap func(http.Handler) http.Handler, settings vault.Settings) []action.Action {
	t.Helper()
	front := httptest.NewServer(wrap(e))
	t.Cleanup(front.Close)
	settings.Address, settings.Token = front.URL, e.RootToken
	return actions.Actions(vault.NewSessions(settings))
}

func plainly(next http.Handler) http.Handler { return next }

// state lists the namespaces, and what state lists.
func (e *enterprise) state(t testing.TB) []string {
	t.Helper()
	listed := state(t, e.Client)
	e.mutex.Lock()
	defer e.mutex.Unlock()
	for _, path := range slices.Sorted(maps.Keys(e.namespaces)) {
		listed = append(listed, "namespace "+path)
	}
	return listed
}

func TestNamespacesConform(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		server := startEnterprise(t)
		enableLogins(t, server.Client)
		return actiontest.Fixture{
			Action: recordedtest.ByID(t, server.serve(t, gate.Handler, vault.Settings{}), "vault:create-namespace"),
			Input:  `{"namespaceName":"payments","teamName":"payments-squad","appRole":{}}`,
			State:  server.state,
			Digest: func(t testing.TB) string {
				t.Helper()
				return fmt.Sprint(server.state(t), server.made)
			},
			Use: func(t testing.TB) {
				t.Helper()
				server.AwaitEngine(t, "payments/payments")
				_, err := server.Client.KVv2("payments/payments").Put(t.Context(), "database", map[string]any{"password": "theirs"})
				require.NoError(t, err)
			},
			Take: func(testing.TB) {
				server.mutex.Lock()
				defer server.mutex.Unlock()
				server.add("payments", nil)
			},
		}
	})
}

// TestASecretIsWrittenIntoANamespace: the outputs of the one action are inputs of the other, and the policy gives it.
func TestASecretIsWrittenIntoANamespace(t *testing.T) {
	t.Parallel()
	server := startEnterprise(t)
	server.add("teams", nil)
	all, harness := server.serve(t, plainly, vault.Settings{Namespace: "teams"}), actiontest.NewHarness(t)
	output, err := harness.Run(t, recordedtest.ByID(t, all, "vault:create-namespace"), `{"namespaceName":"payments","teamName":"payments-squad"}`)
	require.NoError(t, err)
	require.Equal(t, action.Output{"vaultPath": "payments/", "vaultPolicy": "payments-rw", "vaultNamespace": "teams/payments"}, output)
	server.AwaitEngine(t, "teams/payments/payments")

	write := recordedtest.ByID(t, all, "vault:write-secret")
	secrets := actiontest.NewHarness(t)
	output, err = secrets.Run(t, write, `{"namespace":"teams/payments","path":"payments/database","data":{"password":"hunter2"}}`)
	require.NoError(t, err)
	require.Equal(t, action.Output{"path": "payments/database", "apiPath": "payments/data/database", "version": 1}, output)
	written, err := server.Client.KVv2("teams/payments/payments").Get(t.Context(), "database")
	require.NoError(t, err)
	require.Equal(t, map[string]any{"password": "hunter2"}, written.Data)
	require.NoError(t, secrets.RollBack(t.Context(), write))
	_, err = server.Client.KVv2("teams/payments/payments").Get(t.Context(), "database")
	require.ErrorIs(t, err, api.ErrSecretNotFound)

	_, err = secrets.Run(t, write, `{"namespace":"teams/none","path":"payments/database","data":{"password":"hunter2"}}`)
	require.ErrorContains(t, err, "There is no secrets engine payments/ in Vault")
}

// TestWhatOthersPutIntoANamespaceKeepsIt: they would lose it.
func TestWhatOthersPutIntoANamespaceKeepsIt(t *testing.T) {
	t.Parallel()
	for says, begin := range map[string]func(t *testing.T, server *enterprise){
		"it has the secrets engine theirs/": func(t *testing.T, server *enterprise) {
			t.Helper()
			require.NoError(t, server.Client.Sys().MountWithContext(t.Context(), "payments/theirs", &api.MountInput{Type: "kv"}))
		},
		"it has the namespace below": func(_ *testing.T, server *enterprise) { server.add("payments/below", nil) },
	} {
		t.Run(says, func(t *testing.T) {
			t.Parallel()
			server := startEnterprise(t)
			tested, harness := recordedtest.ByID(t, server.serve(t, plainly, vault.Settings{}), "vault:create-namespace"), actiontest.NewHarness(t)
			_, err := harness.Run(t, tested, `{"namespaceName":"payments","teamName":"b"}`)
			require.NoError(t, err)
			begin(t, server)
			var inUse *action.InUseError
			require.ErrorAs(t, harness.RollBack(t.Context(), tested), &inUse)
			require.Contains(t, inUse.Reason, says)
			require.Contains(t, server.state(t), "namespace payments")
		})
	}
}

// TestWhetherNamespacesAreMade: the server says whether it has them, unless the configuration does.
func TestWhetherNamespacesAreMade(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		isCommunity bool
		use         vault.NamespaceUse
		made        bool
	}{
		"Vault Enterprise":      {false, vault.DetectNamespaces, true},
		"not wanted":            {false, vault.NeverNamespaces, false},
		"another edition":       {true, "", false},
		"a server like OpenBao": {true, vault.AlwaysNamespaces, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startEnterprise(t)
			server.isCommunity = test.isCommunity
			tested := recordedtest.ByID(t, server.serve(t, plainly, vault.Settings{Namespaces: test.use}), "vault:create-namespace")
			output, err := actiontest.NewHarness(t).Run(t, tested, `{"namespaceName":"payments","teamName":"b"}`)
			require.NoError(t, err)
			require.Equal(t, test.made, output["vaultNamespace"] == "payments")
			require.Equal(t, test.made, slices.Contains(server.state(t), "namespace payments"))
			require.Equal(t, "payments/", output["vaultPath"])
		})
	}
}
