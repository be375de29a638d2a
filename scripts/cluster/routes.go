//go:build never

package main

// The definitions of routes come from this module. No code of it is built in: the line keeps it in go.mod.
import _ "sigs.k8s.io/gateway-api/pkg/consts"
