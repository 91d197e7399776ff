package config

import (
	"encoding/base64"
	"errors"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
)

// formats are the checks that schema.yaml names. Each describes the error without repeating the string, which
// may be a secret.
var formats = map[string]func(string) error{
	"url":           checkURL,
	"tlsURL":        checkTLSURL,
	"upstream":      checkUpstream,
	"token":         checkToken,
	"word":          checkWord,
	"sharedSecret":  checkSharedSecret,
	"webhookSecret": checkWebhookSecret,
	"aes256":        checkAES256,

	"elementName":      checkElementName,
	"sourceExpression": checkSourceExpression,
	"proxy":            checkProxy,
	"address":          checkAddress,
	"removals":         checkRemovals,
}

// elementName is a name of a custom element, in ASCII. HTML's own names have no hyphen, so it is none of them.
var elementName = regexp.MustCompile(`^[a-z][a-z0-9._]*-[a-z0-9._-]*$`)

func checkElementName(text string) error {
	if !elementName.MatchString(text) {
		return errors.New("not the name of a custom element: small letters with a hyphen, such as acme-region-picker")
	}
	return nil
}

// removals is a share or a number.
var removals = regexp.MustCompile(`^(?:[0-9]{1,9}|(?:100|[0-9]{1,2}(?:\.[0-9]+)?) ?%)$`)

func checkRemovals(text string) error {
	if !removals.MatchString(text) {
		return errors.New("neither a share such as 20% nor a number of entities")
	}
	return nil
}

// checkAddress accepts an IP address.
func checkAddress(text string) error {
	if _, err := netip.ParseAddr(text); err != nil {
		return errors.New("not an IP address")
	}
	return nil
}

func checkURL(text string) error {
	parsed, err := parseURL(text)
	if err != nil {
		return err
	}
	if parsed.User != nil {
		return errors.New("the URL includes a user or password, which the log and the portal would show")
	}
	return nil
}

func parseURL(text string) (*url.URL, error) {
	parsed, err := url.Parse(text)
	if err != nil || parsed.Host == "" || (parsed.Scheme != "http" && parsed.Scheme != "https") {
		return nil, errors.New("not an http or https URL with a host")
	}
	return parsed, nil
}

// checkUpstream accepts the address of a server, with a user and a password for it.
func checkUpstream(text string) error {
	parsed, err := parseURL(text)
	if err != nil {
		return err
	}
	if strings.Trim(parsed.Path, "/")+parsed.RawQuery+parsed.Fragment != "" {
		return errors.New("the URL has more than a host, which would not be used")
	}
	return nil
}

// checkTLSURL rejects a URL to which data would go unencrypted over a network.
func checkTLSURL(text string) error {
	if err := checkURL(text); err != nil {
		return err
	}
	parsed, err := url.Parse(text)
	if err != nil || (parsed.Scheme != "https" && !isThisMachine(parsed.Hostname())) {
		return errors.New("not an https URL, nor an http URL of this machine")
	}
	return nil
}

func isThisMachine(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

func checkToken(text string) error {
	if len(text) < 8 || strings.ContainsAny(text, " \t\r\n") {
		return errors.New("a token has at least 8 characters and no spaces")
	}
	return nil
}

func checkWord(text string) error {
	if text == "" || strings.ContainsAny(text, " \t\r\n") {
		return errors.New("not one word: it must not be empty and has no spaces")
	}
	return nil
}

// checkSourceExpression rejects a text that would add directives to a content security policy.
func checkSourceExpression(text string) error {
	if text == "" || strings.ContainsAny(text, "; ,\t\r\n") {
		return errors.New("not one source of a content security policy")
	}
	return nil
}

func checkSharedSecret(text string) error {
	secret, err := DecodeBase64(text)
	if err != nil || len(secret) < 16 {
		return errors.New("not at least 16 bytes in base64: make one with `openssl rand -base64 24`")
	}
	return nil
}

// DecodeBase64 decodes both alphabets of RFC 4648, with or without padding, as Backstage does for shared
// secrets.
func DecodeBase64(text string) ([]byte, error) {
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	return base64.RawStdEncoding.DecodeString(text)
}

// webhookPrefix begins a secret of Standard Webhooks.
const webhookPrefix = "whsec_"

func checkWebhookSecret(text string) error {
	_, err := DecodeWebhookSecret(text)
	return err
}

// DecodeWebhookSecret decodes a secret as Standard Webhooks writes it.
func DecodeWebhookSecret(text string) ([]byte, error) {
	encoded, found := strings.CutPrefix(text, webhookPrefix)
	secret, err := base64.StdEncoding.DecodeString(encoded)
	if !found || err != nil || len(secret) < 24 || len(secret) > 64 {
		return nil, errors.New("not whsec_ and 24 to 64 bytes in base64: make one with `echo whsec_$(openssl rand -base64 32)`")
	}
	return secret, nil
}

func checkAES256(text string) error {
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) != 32 {
		return errors.New("not 32 bytes in base64: make one with `openssl rand -base64 32`")
	}
	return nil
}
