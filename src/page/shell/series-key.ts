/** How the API names a series: `SENSOR\0MEASURE`. */
export function seriesKey(sensorId: string, measure: string): string {
  return `${sensorId}\0${measure}`;
}
