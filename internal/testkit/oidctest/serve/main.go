// Command serve runs the OpenID provider of zitadel/oidc, with its login page, for the browser tests of the
// portal: `serve ISSUER CALLBACK`. The client is portico with the secret "a secret"; people sign in as test-user2 or
// test-user@localhost with the password verysecure.
package main

import (
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
)

func main() {
	if err := serve(os.Args[1], os.Args[2]); err != nil {
		slog.Error("the provider has ended", "error", err)
		os.Exit(1)
	}
}

// serve serves until the process is killed.
func serve(issuer, callback string) error {
	at, err := url.Parse(issuer)
	if err != nil {
		return err
	}
	clients := map[string]*storage.Client{"portico": storage.WebClient("portico", "a secret", callback)}
	handler := exampleop.SetupServer(issuer, storage.NewStorageWithClients(storage.NewUserStore(issuer), clients), nil, false)
	server := &http.Server{Addr: at.Host, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	return server.ListenAndServe()
}
