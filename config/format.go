package config

import (
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
)

// formats are the checks that schema.yaml names. Each describes the error without repeating the string, which
// may be a secret.
var formats = map[string]func(string) error{
	"url":          checkURL,
	"token":        checkToken,
	"word":         checkWord,
	"sharedSecret": checkSharedSecret,
	"aes256":       checkAES256,

	"sourceExpression": checkSourceExpression,
	"proxy":            checkProxy,
}

func checkURL(text string) error {
	parsed, err := url.Parse(text)
	if err != nil || parsed.Host == "" || (parsed.Scheme != "http" && parsed.Scheme != "https") {
		return errors.New("not an http or https URL with a host")
	}
	if parsed.User != nil {
		return errors.New("the URL includes a user or password, which the log and the portal would show")
	}
	return nil
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

func checkAES256(text string) error {
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) != 32 {
		return errors.New("not 32 bytes in base64: make one with `openssl rand -base64 32`")
	}
	return nil
}
