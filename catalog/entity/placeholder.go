package entity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// maxPlaceholders bounds the reads that one entity can cause.
const maxPlaceholders = 100

// ResolvePlaceholders replaces each object whose only key is $text, $json or $yaml, anywhere in the entity
// and in place. It calls resolve with the key (without the dollar) and the value: an absolute URL, or a path
// relative to the entity's file. Placeholders in the result of resolve are not resolved. The error is an
// *Error that wraps resolve's message.
func ResolvePlaceholders(ctx context.Context, e Entity, resolve func(ctx context.Context, key, value string) (any, error)) error {
	resolver := &placeholders{resolve: resolve, left: maxPlaceholders}
	for _, key := range sortedKeys(e) {
		replaced, err := resolver.walk(ctx, e[key], "/"+pointerEscape(key))
		if err != nil {
			return inputError(asError(err), "Processor PlaceholderProcessor threw an error while preprocessing")
		}
		e[key] = replaced
	}
	return nil
}

func asError(err error) *Error {
	if known, found := errors.AsType[*Error](err); found {
		return known
	}
	return plainErrorf("%s", err)
}

type placeholders struct {
	resolve func(ctx context.Context, key, value string) (any, error)
	left    int
}

// walk replaces the placeholders in a value, which is at a path.
func (p *placeholders) walk(ctx context.Context, value any, path string) (any, error) {
	var err error
	switch value := value.(type) {
	case []any:
		for i, item := range value {
			if value[i], err = p.walk(ctx, item, fmt.Sprintf("%s/%d", path, i)); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		if key, found := placeholderKey(value); found {
			replaced, err := p.replace(ctx, key, value["$"+key])
			if err != nil {
				return nil, asError(err).about(path)
			}
			return replaced, nil
		}
		if hasDollar(value) {
			return value, nil
		}
		for _, key := range sortedKeys(value) {
			if value[key], err = p.walk(ctx, value[key], path+"/"+pointerEscape(key)); err != nil {
				return nil, err
			}
		}
	}
	return value, nil
}

func placeholderKey(object map[string]any) (string, bool) {
	if len(object) != 1 {
		return "", false
	}
	for _, key := range []string{"text", "json", "yaml"} {
		if _, found := object["$"+key]; found {
			return key, true
		}
	}
	return "", false
}

// hasDollar reports whether an object looks like a placeholder of an unknown kind. Such objects are left
// alone.
func hasDollar(object map[string]any) bool {
	for key := range object {
		if strings.HasPrefix(key, "$") {
			return true
		}
	}
	return false
}

func (p *placeholders) replace(ctx context.Context, key string, value any) (any, error) {
	target, isText := value.(string)
	if !isText {
		return nil, plainErrorf(
			"Placeholder $%s expected a string value parameter, in the form of an absolute URL or a relative path", key)
	}
	if p.left--; p.left < 0 {
		return nil, plainErrorf("Placeholder $%s is one of more than %d in the entity", key, maxPlaceholders)
	}
	return p.resolve(ctx, key, target)
}

// DecodePlaceholder decodes the content that was read at target into the value of a placeholder (key is text,
// json or yaml).
func DecodePlaceholder(key, target string, content []byte) (any, error) {
	switch key {
	case "text":
		return strings.ToValidUTF8(string(content), "\uFFFD"), nil
	case "json":
		var value any
		if err := json.Unmarshal(content, &value); err != nil {
			return nil, plainErrorf("Placeholder $json failed to parse JSON data at %s, SyntaxError: %s", target, err)
		}
		return value, nil
	case "yaml":
		return decodeYAMLPlaceholder(target, content)
	default:
		return nil, fmt.Errorf("placeholder $%s is not known", key)
	}
}

func decodeYAMLPlaceholder(target string, content []byte) (any, error) {
	value, found, err := decodeYAML(content)
	switch {
	case err != nil:
		return nil, plainErrorf("Placeholder $yaml found an error in the data at %s, YAMLParseError: %s", target, err)
	case found != 1:
		return nil, plainErrorf("Placeholder $yaml expected to find exactly one document of data at %s, found %d", target, found)
	default:
		return value, nil
	}
}
