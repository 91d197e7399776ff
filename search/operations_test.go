package search_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/search"
)

func TestOperationsAndSchemasOfDefinitions(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]struct {
		definition string
		expected   []string
	}{
		"OpenAPI": {`openapi: 3.1.0
paths:
  /orders/{id}:
    get: {operationId: getOrder}
    parameters: []
components: {schemas: {Order: {properties: {total: {}}}}}`, []string{"GET /orders/{id}", "Order"}},
		"Swagger": {`{"swagger":"2.0","paths":{"/orders":{"post":{"summary":"Places"}}},"definitions":{"Order":{}}}`, []string{"POST /orders", "Order"}},
		"AsyncAPI 2": {`asyncapi: 2.6.0
channels:
  order/placed:
    subscribe: {operationId: onPlaced}`, []string{"order/placed", "SUBSCRIBE order/placed"}},
		"AsyncAPI 3": {`asyncapi: 3.0.0
channels:
  placed: {address: order/placed}
operations:
  onPlaced: {action: receive, channel: {$ref: '#/channels/placed'}}
  odd: {channel: 1}`, []string{"order/placed", "odd", "RECEIVE order/placed"}},
		"GraphQL": {`"""
The shop: all of it
"""
type Query { order(id: ID!): Order }
extend type Mutation {
  # other: Int
  place(
    first: Int
    "how many: at most"
    many: Int = 3
  ): Order!
}
type Order @key(fields: "id") { id: ID! }
enum State { OPEN }`, []string{"query order", "Order", "State", "mutation place"}},
		"GraphQL with roots of its own": {`schema { query: Root } type Root { shop: Int } type Query { odd: Int }`, []string{"query shop", "Query"}},
		"protocol buffers": {`syntax = "proto3";
service Orders { // of a shop
  rpc Get (Order) returns (Order);
}
message Order { string id = 1; }`, []string{"Orders/Get", "Order"}},
		"something else": {"orders, in words: none", nil},
		"broken GraphQL": {"type Order {", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			definition, err := json.Marshal(of.definition)
			require.NoError(t, err)
			b.serve(fmt.Sprintf(`{"kind":"API","metadata":{"name":"orders"},"spec":{"type":"x","definition":%s}}`, definition))
			b.catchUp()
			require.ElementsMatch(t, of.expected, b.titles(search.TypeAPI))
		})
	}
}
