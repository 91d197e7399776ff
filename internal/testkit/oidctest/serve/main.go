// Command serve runs the OpenID provider of zitadel/oidc, with its login page, for the browser tests of the
// portal: `serve ISSUER CALLBACK`. The client is portico with the secret "a secret"; people sign in as test-user2 or
// test-user@<the issuer's host> with the password verysecure.
package main

import (
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
)

func main() {
	issuer, callback := os.Args[1], os.Args[2]
	at, err := url.Parse(issuer)
	if err != nil {
		panic(err)
	}
	clients := map[string]*storage.Client{"portico": storage.WebClient("portico", "a secret", callback)}
	handler := exampleop.SetupServer(issuer, storage.NewStorageWithClients(storage.NewUserStore(issuer), clients), nil, false)
	server := &http.Server{Addr: at.Host, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	panic(server.ListenAndServe()) // it serves until the process is killed
}
