-- The health of an LLMGateway, LLMProvider, LLMRoute or LLMKey, from the conditions that Weir's operator writes.
-- Whether an upstream answers or a budget is spent says nothing about a deployment: neither is looked at here.
-- A sync wave ends when all in it is Healthy or something Degraded. So what is suspended, as it was asked to be, is
-- Healthy, and the message of Ready says that it is suspended.

local function condition(kind)
  for _, found in ipairs(obj.status.conditions or {}) do
    if found.type == kind then
      return found
    end
  end
  return {status = "Unknown"}
end

local function verdict(status, message)
  return {status = status, message = message or ""}
end

local observed = obj.status and obj.status.observedGeneration
if observed == nil or observed < (obj.metadata.generation or 0) then
  return verdict("Progressing", "Waiting for Weir's operator to look at it")
end

local stalled, ready = condition("Stalled"), condition("Ready")
if stalled.status == "True" then
  return verdict("Degraded", stalled.message)
end
if ready.status == "True" then
  return verdict("Healthy", ready.message)
end
return verdict("Progressing", ready.message or "Waiting for the condition Ready")
