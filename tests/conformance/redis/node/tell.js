// One line of a transcript: what was tried and what came of it.
export async function tell(name, action) {
  let told
  try {
    told = JSON.stringify(await action(), (_, value) => (value instanceof Map ? Object.fromEntries(value) : value))
  } catch (error) {
    told = `threw ${error.message}`
  }
  console.log(`${name}: ${told}`)
}

// The code of the error that an action ends with.
export const code = (action) => Promise.resolve(action).then(
  (value) => `no error but ${JSON.stringify(value)}`,
  (error) => error.message.split(' ')[0],
)
