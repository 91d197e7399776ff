//go:build !slim

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/internal/devstack/openid"
	"github.com/portico-dev/portico/policy"
)

// signInForDemo signs in at the provider as a browser does, as the first of these people who may run templates, and
// returns a token of Portico.
func (d *dev) signInForDemo(ctx context.Context, p *platform, people []openid.Person) (string, error) {
	n := slices.IndexFunc(people, func(person openid.Person) bool { return slices.Contains(person.May, demoAbility) })
	if n < 0 {
		return "", errors.New("nobody in the catalog may " + demoAbility + ", so the demo cannot run: give somebody a role with " + string(policy.ScaffolderTaskCreate))
	}
	fmt.Fprintf(d.out, "The demo signs in as %s.\n", people[n].Name)
	token, err := signInAs(ctx, p.config, people[n].ID)
	if err != nil {
		return "", fmt.Errorf("sign in as %s: %w", people[n].Name, err)
	}
	return token, nil
}

// signInAs follows the redirects of a sign-in, answers the login page, and gets a token for the new session.
func signInAs(ctx context.Context, loaded *config.Config, person string) (string, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return "", err
	}
	browser := &http.Client{Jar: jar, Timeout: requestTimeout}
	at := loaded.Backend.BaseURL + "/api/auth/" + devProvider
	query := "?env=" + url.QueryEscape(loaded.Auth.Environment)
	page, err := visit(ctx, browser, http.MethodGet, at+"/start"+query+"&scope=openid+profile+email", nil, nil)
	if err != nil {
		return "", err
	}
	asked := page.Query().Get("request")
	page.RawQuery = ""
	if _, err := visit(ctx, browser, http.MethodPost, page.String(), url.Values{"request": {asked}, "person": {person}}, nil); err != nil {
		return "", err
	}
	var session struct {
		BackstageIdentity struct {
			Token string `json:"token"`
		} `json:"backstageIdentity"`
	}
	if _, err := visit(ctx, browser, http.MethodGet, at+"/refresh"+query, nil, &session); err != nil {
		return "", err
	}
	return session.BackstageIdentity.Token, nil
}

// visit makes a request, follows redirects, and returns where they ended.
func visit(ctx context.Context, browser *http.Client, method, address string, form url.Values, into any) (*url.URL, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("X-Requested-With", "XMLHttpRequest")
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := browser.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, refusal(response, answer)
	}
	if into != nil {
		err = json.Unmarshal(answer, into)
	}
	return response.Request.URL, err
}
