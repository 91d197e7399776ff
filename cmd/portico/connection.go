package main

import (
	"cmp"
	"fmt"
	"net/url"
	"os"

	"github.com/spf13/cobra"
)

const defaultURL = "http://127.0.0.1:7007"

// connection holds the flags of commands that call a running Portico.
type connection struct {
	url, token string
	output     format
}

func (c *connection) addFlags(command *cobra.Command) {
	flags := command.PersistentFlags()
	flags.StringVar(&c.url, "url", cmp.Or(os.Getenv("PORTICO_URL"), defaultURL), "where Portico serves ($PORTICO_URL)")
	flags.StringVar(&c.token, "token", "", "a token; better give it by $PORTICO_TOKEN, which ps does not show; without one the guest signs in")
	c.output.addFlag(flags)
	registerCompletion(command, "output", completeOneOf(formatText, formatJSON))
}

// client reads $PORTICO_TOKEN here, because help would show it as the flag's default.
func (c *connection) client() (*apiClient, error) {
	return clientAt("--url", c.url, c.token)
}

// clientAt creates a client for the address in a flag.
func clientAt(flag, address, token string) (*apiClient, error) {
	at, err := url.Parse(address)
	if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
		return nil, fmt.Errorf("%s %s: write http://host:port or https://host", flag, address)
	}
	return newClient(address, cmp.Or(token, os.Getenv("PORTICO_TOKEN"))), nil
}
