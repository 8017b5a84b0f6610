export { openTelemetry, type OpenTelemetryOptions } from './open-telemetry.js';
export { flushOpenTelemetry, registeredOpenTelemetry } from './registered.js';
