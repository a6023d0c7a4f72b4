print("never")
await f()
